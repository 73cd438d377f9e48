"""A device's facts arrive whole or as what differs, and its welcome says which inventory is stored."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from sereno_proto.limits import INVENTORY_FACTS_MAX
from sereno_proto.v1.link_pb2 import Inventory
from sereno_server.store.tables import devices, facts

pytestmark = pytest.mark.slow


async def stored(scene: Any) -> dict[str, str]:
    async with scene.store.transaction(scene.system) as tx:
        return {row.key: row.value for row in await tx.execute(select(facts.c.key, facts.c.value))}


def test_whole_then_what_differs_and_the_digest_comes_back(running: Callable[..., Any]) -> None:
    async def story() -> None:
        async with running() as scene:
            machine = await scene.joined()
            async with scene.connect(machine) as stream:
                assert (await stream.read("welcome")).welcome.inventory_digest == ""
                whole = {"system.os": "Debian", "package.a": "1", "package.b": "2"}
                await stream.send(sequence=1, inventory=Inventory(whole=True, facts=whole, digest="sha256:1"))
                await stream.send(sequence=2, inventory=Inventory(facts={"package.a": "", "package.b": "3"}))
                await stream.acknowledged(2)
                assert await stored(scene) == {"system.os": "Debian", "package.b": "3"}
            async with scene.connect(machine) as stream:
                assert (await stream.read("welcome")).welcome.inventory_digest == ""
                await stream.send(
                    sequence=3, inventory=Inventory(whole=True, facts={"package.c": "4"}, digest="sha256:2")
                )
                await stream.acknowledged(3)
                assert await stored(scene) == {"package.c": "4"}
            async with scene.connect(machine) as stream:
                assert (await stream.read("welcome")).welcome.inventory_digest == "sha256:2"
            async with scene.store.transaction(scene.system) as tx:
                assert await tx.scalar(select(devices.c.facts)) == {}

    asyncio.run(story())


def test_facts_beyond_the_bound_are_refused(running: Callable[..., Any]) -> None:
    async def story() -> None:
        async with running() as scene:
            machine = await scene.joined()
            async with scene.connect(machine) as stream:
                many = {f"package.p{n:05}": "1" for n in range(INVENTORY_FACTS_MAX + 3)}
                await stream.send(sequence=1, inventory=Inventory(whole=True, facts=many, digest="sha256:1"))
                problems = await stream.acknowledged(1)
                assert [found.code for found in problems] == ["E_LIMIT"]
                assert len(await stored(scene)) == INVENTORY_FACTS_MAX

    asyncio.run(story())
