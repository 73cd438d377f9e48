import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from sereno_server.store.tables import devices, notices
from sereno_server.wishes import wishes
from sereno_server.wishes.wishes import Wishes

pytestmark = pytest.mark.slow


async def _row(scene: Any, *columns: Any) -> Any:
    async with scene.store.transaction(scene.system) as tx:
        return (await tx.execute(select(*columns))).first()


def test_hello_is_welcomed_and_samples_are_acknowledged_once_stored(running: Callable[..., Any]) -> None:
    async def story() -> None:
        async with running() as scene:
            machine = await scene.joined()
            async with scene.connect(machine) as stream:
                welcome = (await stream.read("welcome")).welcome
                assert (welcome.device_id, welcome.high_water) == (machine.id, 0)
                assert welcome.settings.collect_interval_ms == 1000
                await stream.names("load1", "memory_used_bytes")
                await stream.samples(1, [1000, 2000], [[0.5, 10.0], [0.75, 11.0]])
                await stream.samples(2, [3000], [[0.25, 12.0]])
                assert await stream.acknowledged(2) == []
                stored = await scene.read(machine)
                assert stored["load1"] == ([1000, 2000, 3000], [0.5, 0.75, 0.25])
                assert stored["memory_used_bytes"] == ([1000, 2000, 3000], [10.0, 11.0, 12.0])
                row = await _row(scene, devices.c.connected_at, devices.c.last_seen, devices.c.node)
                assert row.connected_at
                assert row.last_seen
                assert row.node == "one"

    asyncio.run(story())


def test_messages_sent_again_are_stored_once_and_welcome_says_how_far(
    running: Callable[..., Any], until: Callable[..., Any]
) -> None:
    async def story() -> None:
        async with running() as scene:
            machine = await scene.joined()
            async with scene.connect(machine) as stream:
                await stream.names("load1")
                await stream.samples(1, [1000], [[1.0]])
                await stream.samples(1, [1000], [[1.0]])
                await stream.samples(7, [2000], [[2.0]])
                await stream.acknowledged(7)
            await until(lambda: not scene.gateway.live.all())
            async with scene.connect(machine) as stream:
                assert (await stream.read("welcome")).welcome.high_water == 7
                await stream.names("load1")
                await stream.samples(7, [2000], [[2.0]])
                await stream.samples(8, [3000], [[3.0]])
                await stream.acknowledged(8)
            assert (await scene.read(machine))["load1"][0] == [1000, 2000, 3000]

    asyncio.run(story())


def test_a_new_stream_of_the_same_machine_takes_the_old_ones_place(running: Callable[..., Any]) -> None:
    async def story() -> None:
        async with running() as scene:
            machine = await scene.joined()
            async with scene.connect(machine) as old:
                await old.read("welcome")
                async with scene.connect(machine) as new:
                    await new.read("welcome")
                    assert (await old.refused()).startswith("E_CONFLICT")
                    await new.names("load1")
                    await new.samples(1, [1], [[1.0]])
                    await new.acknowledged(1)
                    assert (await _row(scene, devices.c.connected_at)).connected_at is not None

    asyncio.run(story())


def test_presence_ends_with_the_stream(running: Callable[..., Any], until: Callable[..., Any]) -> None:
    async def story() -> None:
        async with running() as scene:
            machine = await scene.joined()
            async with scene.connect(machine) as stream:
                await stream.read("welcome")

            async def gone() -> bool:
                return (await _row(scene, devices.c.connected_at)).connected_at is None

            await until(gone)

    asyncio.run(story())


def test_a_clone_is_turned_away_and_noticed_once_the_first_speaks_again(
    running: Callable[..., Any], until: Callable[..., Any]
) -> None:
    async def story() -> None:
        async with running() as scene:
            machine = await scene.joined()
            async with scene.connect(machine) as first:
                await first.read("welcome")
                async with scene.connect(machine, epoch=b"f" * 16) as clone:
                    assert (await clone.refused()).startswith("E_DUPLICATE_IDENTITY")
                async with scene.connect(machine, boot_id=b"other") as copy_of_the_spool:
                    assert (await copy_of_the_spool.refused()).startswith("E_DUPLICATE_IDENTITY")
                assert await _row(scene, notices.c.code) is None
                await first.names("load1")
                await first.samples(1, [1], [[1.0]])
                await first.acknowledged(1)
                assert (await _row(scene, notices.c.code)).code == "E_DUPLICATE_IDENTITY"
            await until(lambda: not scene.gateway.live.all())
            async with scene.connect(machine, epoch=b"f" * 16) as alone:
                await alone.read("welcome")

    asyncio.run(story())


def test_wishes_reach_a_device_at_once_and_with_every_welcome(running: Callable[..., Any]) -> None:
    async def story() -> None:
        async with running() as scene:
            machine = await scene.joined()
            async with scene.connect(machine) as stream:
                assert list((await stream.read("welcome")).welcome.settings.collectors_denied) == []
                async with scene.store.transaction(scene.system) as tx:
                    organisation = (await tx.execute(select(devices.c.organisation_id))).scalar_one()
                    await wishes.change(tx, organisation, machine.id, Wishes(["network"], ["Acme"], []), actor="noa")
                settings = (await stream.read("settings")).settings
                assert (list(settings.collectors_denied), list(settings.redact_words)) == (["network"], ["Acme"])
                assert settings.collect_interval_ms == 1000
            async with scene.connect(machine) as stream:
                assert list((await stream.read("welcome")).welcome.settings.redact_words) == ["Acme"]

    asyncio.run(story())
