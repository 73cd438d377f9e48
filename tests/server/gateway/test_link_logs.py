"""Log blocks over a real link: stored once, searchable, told to who follows."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from sereno_proto.limits import LOG_BLOCK_LINES_MAX
from sereno_proto.v1.link_pb2 import LogBlock, LogLine
from sereno_server.reads.logs import Counts, Speaker, Wanted, counts_of, lines_of
from sereno_server.store.engine import Scope

pytestmark = pytest.mark.slow


def test_a_block_is_stored_once_and_its_lines_are_found(running: Callable[..., Any]) -> None:
    async def story() -> None:
        async with running() as scene:
            machine = await scene.joined()
            now = datetime.now(UTC)
            now_ms = int(now.timestamp() * 1000)
            lines = [
                LogLine(time_ms=now_ms, severity=3, text="bad\x00 thing", origin="app.log"),
                LogLine(time_ms=-5, severity=99, text="from before 1970"),
            ]
            flood = [LogLine(time_ms=now_ms, severity=7, text="x")] * (LOG_BLOCK_LINES_MAX + 1)
            async with scene.connect(machine) as stream:
                block = LogBlock(source="app", lines=lines, withheld=7, redacted=1, position=b"its own")
                await stream.send(sequence=1, made_ms=now_ms, logs=block)
                await stream.send(sequence=1, made_ms=now_ms, logs=block)
                await stream.send(sequence=2, made_ms=now_ms, logs=LogBlock(source="app", lines=flood))
                problems = await stream.acknowledged(2)
            assert [(found.sequence, found.code) for found in problems] == [(2, "E_LIMIT")]
            async with scene.store.transaction(Scope(scene.organisation.id)) as tx:
                who = Speaker(scene.organisation.id, machine.id)
                page = await lines_of(tx, who, Wanted(severity=4, start_ms=now_ms - 1000), now)
                assert [(line.text, line.origin) for line in page.lines] == [
                    ("bad\N{REPLACEMENT CHARACTER} thing", "app.log")
                ]
                everything = await lines_of(tx, who, Wanted(), now, limit=5000)
                assert len(everything.lines) == LOG_BLOCK_LINES_MAX + 2
                assert everything.lines[-1].text == "from before 1970"
                assert await counts_of(tx, who, now_ms - 1000) == Counts(withheld=7, redacted=1)
                assert await counts_of(tx, who, now_ms - 1000, "other") == Counts(withheld=0, redacted=0)

    asyncio.run(story())
