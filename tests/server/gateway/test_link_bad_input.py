import asyncio
import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import grpc
import pytest
from sqlalchemy import select

from sereno_proto.v1.link_pb2 import (
    Change,
    ChangeSet,
    Hello,
    Inventory,
    Notice,
    SampleBatch,
    SampleMatrix,
    Status,
    Up,
)
from sereno_server.store.tables import changes, devices, epochs, facts, notices

pytestmark = pytest.mark.slow


async def _row(scene: Any, *columns: Any) -> Any:
    async with scene.store.transaction(scene.system) as tx:
        return (await tx.execute(select(*columns))).first()


async def _facts(scene: Any) -> dict[str, str]:
    async with scene.store.transaction(scene.system) as tx:
        return {row.key: row.value for row in await tx.execute(select(facts.c.key, facts.c.value))}


@pytest.mark.parametrize(
    ("first", "code"),
    [
        (Up(epoch=b"e" * 16, status=Status()), "E_BAD_REQUEST"),
        (Up(epoch=b"short", hello=Hello(protocol_version=1)), "E_BAD_REQUEST"),
        (Up(epoch=b"e" * 16, hello=Hello(protocol_version=0)), "E_PROTOCOL_VERSION"),
    ],
    ids=["no hello", "short epoch", "old protocol"],
)
def test_a_stream_that_begins_wrongly_is_refused(running: Callable[..., Any], first: Up, code: str) -> None:
    async def story() -> None:
        async with running() as scene:
            machine = await scene.joined()
            async with scene.link(machine.key_pem, machine.chain) as call:
                await call.write(first)
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await call.read()
                assert str(caught.value.details()).startswith(code)

    asyncio.run(story())


def test_refused_parts_come_back_as_problems_and_the_rest_is_kept(running: Callable[..., Any]) -> None:
    async def story() -> None:
        async with running() as scene:
            machine = await scene.joined()
            async with scene.connect(machine) as stream:
                await stream.names("a", "b")
                await stream.samples(1, [1000, 2000, 3000], [[1.0, math.nan], [math.inf, math.nan], [3.0, 30.0]])
                await stream.send(
                    sequence=2,
                    samples=SampleBatch(
                        matrices=[
                            SampleMatrix(series=[1, 2], time_ms=[1], values=b"12345678"),
                            SampleMatrix(series=[1, 1], time_ms=[1], values=bytes(16)),
                            SampleMatrix(series=[9], time_ms=[1], values=bytes(8)),
                            SampleMatrix(series=[1], time_ms=[-5], values=bytes(8)),
                            SampleMatrix(series=[1], time_ms=range(1025), values=bytes(8 * 1025)),
                            SampleMatrix(series=[1], time_ms=[4000], values=bytes(8)),
                        ]
                    ),
                )
                too_much = [SampleMatrix(series=range(1, 200), time_ms=range(600), values=b"")]
                await stream.send(sequence=3, samples=SampleBatch(matrices=too_much))
                await stream.send(sequence=4)  # a kind that this server does not know
                problems = await stream.acknowledged(4)
            assert [(found.sequence, found.code) for found in problems] == [
                (1, "E_NOT_FINITE"),
                (2, "E_SHAPE"),
                (2, "E_SHAPE"),
                (2, "E_SERIES_UNKNOWN"),
                (2, "E_LIMIT"),
                (2, "E_LIMIT"),
                (3, "E_LIMIT"),
                (4, "E_PROTOCOL_VERSION"),
            ]
            assert all(found.what and found.remedy for found in problems)
            stored = await scene.read(machine)
            assert stored["a"] == ([1000, 3000, 4000], [1.0, 3.0, 0.0])
            assert stored["b"] == ([3000], [30.0])

    asyncio.run(story())


def test_samples_from_the_future_are_kept_and_the_clock_is_noted(running: Callable[..., Any]) -> None:
    async def story() -> None:
        async with running() as scene:
            machine = await scene.joined()
            ahead = int(datetime.now(UTC).timestamp() * 1000) + 3_600_000
            async with scene.connect(machine) as stream:
                await stream.names("a")
                await stream.samples(1, [ahead], [[1.0]])
                assert await stream.acknowledged(1) == []
            assert (await scene.read(machine))["a"] == ([ahead], [1.0])
            assert (await _row(scene, notices.c.code)).code == "E_CLOCK_SKEW"
            assert 3_500_000 < (await _row(scene, devices.c.clock_offset_ms)).clock_offset_ms <= 3_600_000

    asyncio.run(story())


def test_a_skewed_clock_is_measured_at_hello_and_forgotten_when_it_is_right(
    running: Callable[..., Any], until: Callable[..., Any]
) -> None:
    async def story() -> None:
        async with running() as scene:
            machine = await scene.joined()
            now = int(datetime.now(UTC).timestamp() * 1000)
            async with scene.connect(machine, clock_ms=now - 7_200_000) as stream:
                await stream.read("welcome")
            assert -7_300_000 < (await _row(scene, devices.c.clock_offset_ms)).clock_offset_ms < -7_100_000
            assert (await _row(scene, notices.c.code)).code == "E_CLOCK_SKEW"
            await until(lambda: not scene.gateway.live.all())
            async with scene.connect(machine) as stream:
                await stream.read("welcome")
            assert await _row(scene, notices.c.code) is None

    asyncio.run(story())


def test_a_message_of_another_epoch_ends_the_stream(running: Callable[..., Any]) -> None:
    async def story() -> None:
        async with running() as scene:
            machine = await scene.joined()
            async with scene.connect(machine) as stream:
                await stream.names("a")
                stream.epoch = b"x" * 16
                await stream.samples(1, [1], [[1.0]])
                assert (await stream.refused()).startswith("E_BAD_REQUEST")
            assert await _row(scene, epochs.c.epoch) is None

    asyncio.run(story())


def test_hostile_text_is_stored_without_harm(running: Callable[..., Any]) -> None:
    async def story() -> None:
        async with running() as scene:
            machine = await scene.joined()
            nul = "a\0b"
            async with scene.connect(machine, platform=nul, agent_version="v" * 5000) as stream:
                await stream.send(
                    sequence=1,
                    changes=ChangeSet(
                        changes=[Change(kind=nul, object=nul, diff="d" * 40_000, time_ms=2**62, summary="'; DROP")]
                    ),
                )
                await stream.send(sequence=2, inventory=Inventory(whole=True, facts={nul: nul, "os": "x"}))
                await stream.send(sequence=3, inventory=Inventory(facts={"os": "", "cpu": "y"}))
                await stream.send(sequence=4, notice=Notice(code="E_NONSENSE"))
                await stream.send(sequence=5, notice=Notice(code="E_SPOOL_FULL", what=nul))
                problems = await stream.acknowledged(5)
                assert [(found.sequence, found.code) for found in problems] == [(1, "E_LIMIT"), (4, "E_BAD_REQUEST")]
                await stream.send(status=Status(lockdown=True, cpu_ms_per_s=math.nan, ledger_length=3))
                await stream.send(sequence=6, inventory=Inventory(facts={"z": "z"}))
                await stream.acknowledged(6)
            row = await _row(scene, devices.c.status, devices.c.platform)
            safe = "a\N{REPLACEMENT CHARACTER}b"
            assert await _facts(scene) == {safe: safe, "cpu": "y", "z": "z"}
            assert (row.status["lockdown"], row.status["cpu_ms_per_s"], row.status["ledger_length"]) == (True, 0.0, 3)
            change = await _row(scene, changes.c.at, changes.c.diff)
            assert change.at.year == 9999
            assert len(change.diff) == 32_768

    asyncio.run(story())
