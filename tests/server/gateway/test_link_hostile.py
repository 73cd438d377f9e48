"""A device that was taken over sends what no agent would: it gets an answer, and nobody else waits for it."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from sereno_proto.limits import MATRICES_MAX, MESSAGE_BYTES_MAX, PROBLEMS_MAX
from sereno_proto.v1.link_pb2 import SampleBatch, SampleMatrix, SeriesName, SeriesNames

pytestmark = pytest.mark.slow


def test_a_series_whose_text_no_index_can_hold_ends_the_stream_with_a_code(running: Callable[..., Any]) -> None:
    async def story() -> None:
        async with running() as scene:
            machine = await scene.joined()
            labels = {
                f"label{index}": "".join(chr(0x4E00 + (index * 31 + at * 7) % 9000) for at in range(256))
                for index in range(16)
            }
            async with scene.connect(machine) as stream:
                await stream.send(names=SeriesNames(series=[SeriesName(id=1, name="a", labels=labels)]))
                assert (await stream.refused()).startswith("E_LIMIT")

    asyncio.run(story())


def test_all_series_of_a_device_can_be_named_in_one_message(running: Callable[..., Any]) -> None:
    async def story() -> None:
        async with running() as scene:
            machine = await scene.joined()
            many = [SeriesName(id=number, name=f"series_{number}") for number in range(1, 15_001)]
            async with scene.connect(machine) as stream:
                await stream.send(names=SeriesNames(series=many))
                matrix = SampleMatrix(series=[15_000], time_ms=[1000], values=bytes(8))
                await stream.send(sequence=1, samples=SampleBatch(matrices=[matrix]))
                assert await stream.acknowledged(1) == []
            assert (await scene.read(machine))["series_15000"] == ([1000], [0.0])

    asyncio.run(story())


@pytest.mark.parametrize(
    "matrix",
    [SampleMatrix(), SampleMatrix(series=[9], time_ms=[1], values=bytes(8)), SampleMatrix(series=[1], time_ms=[1])],
    ids=["empty", "unknown series", "wrong shape"],
)
def test_a_message_full_of_tiny_matrices_costs_no_more_than_its_answer(
    running: Callable[..., Any], matrix: SampleMatrix
) -> None:
    async def story() -> None:
        async with running() as scene:
            machine = await scene.joined()
            count = (MESSAGE_BYTES_MAX - 200) // (matrix.ByteSize() + 2)
            async with scene.connect(machine) as stream:
                await stream.names("a")
                await stream.send(sequence=1, samples=SampleBatch(matrices=[matrix] * count))
                await stream.samples(2, [1000], [[1.0]])
                problems = await stream.acknowledged(2)
            assert [found.code for found in problems if found.sequence == 1] == ["E_LIMIT"]
            assert (await scene.read(machine))["a"] == ([1000], [1.0])

    assert MATRICES_MAX < 10_000
    asyncio.run(story())


def test_problems_beyond_a_number_are_counted_instead_of_listed(running: Callable[..., Any]) -> None:
    async def story() -> None:
        async with running() as scene:
            machine = await scene.joined()
            wrong = SampleMatrix(series=[1], time_ms=[1], values=b"")
            async with scene.connect(machine) as stream:
                await stream.names("a")
                await stream.send(sequence=1, samples=SampleBatch(matrices=[wrong] * (PROBLEMS_MAX + 7)))
                problems = await stream.acknowledged(1)
            assert len(problems) == PROBLEMS_MAX + 1
            assert "7 more" in problems[-1].what

    asyncio.run(story())
