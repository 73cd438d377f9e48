"""Lines that were stored are found again by words, level and time, page by page; days come and go as partitions."""

import asyncio
import random
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import insert, text

from sereno_proto.errors import BadInput
from sereno_proto.limits import LOG_BLOCK_DAYS
from sereno_proto.v1.link_pb2 import LogBlock, LogLine
from sereno_server.reads.logs import LogRow, Speaker, Wanted, lines_of, read_key, sources_of, speaker, write_key
from sereno_server.store.engine import Scope, Store
from sereno_server.store.logs import Said, append
from sereno_server.store.partitions import keep
from sereno_server.store.tables import devices

pytestmark = pytest.mark.slow
NOW = datetime(2026, 11, 21, 21, 0, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1000)
WHO = Speaker("org_a", "dev_a")


async def _say(store: Store, sequence: int, lines: list[tuple[int, int, str]], source: str = "app") -> None:
    block = LogBlock(source=source, lines=[LogLine(time_ms=at, severity=level, text=said) for at, level, said in lines])
    async with store.transaction(Scope("org_a")) as tx:
        await append(tx, Said("org_a", "dev_a", b"e" * 16, sequence, NOW_MS, block), NOW.date())


async def _found(store: Store, wanted: Wanted, limit: int = 100) -> list[str]:
    async with store.transaction(Scope("org_a")) as tx:
        return [row.text for row in (await lines_of(tx, WHO, wanted, NOW, limit)).lines]


def test_lines_are_found_by_words_level_source_and_time(store: Store) -> None:
    async def story() -> None:
        await _say(store, 1, [(NOW_MS - 3000, 6, "started"), (NOW_MS - 2000, 3, "disk 100% Full_now")])
        await _say(store, 2, [(NOW_MS - 1000, 4, "slow query")], source="db")
        assert await _found(store, Wanted()) == ["slow query", "disk 100% Full_now", "started"]
        recent = NOW_MS - 60_000
        for wanted, expected in [
            (Wanted(severity=4, start_ms=recent), ["slow query", "disk 100% Full_now"]),
            (Wanted(severity=3, start_ms=recent), ["disk 100% Full_now"]),
            (Wanted(text="0% full_N", severity=4, start_ms=recent), ["disk 100% Full_now"]),
            (Wanted(text="0% full_N"), ["disk 100% Full_now"]),
            (Wanted(text="100_", severity=4, start_ms=recent), []),
            (Wanted(source="db"), ["slow query"]),
            (Wanted(source="db", severity=4, start_ms=recent), ["slow query"]),
            (Wanted(end_ms=NOW_MS - 2500), ["started"]),
            (Wanted(start_ms=NOW_MS - 1500, severity=3), []),
        ]:
            assert await _found(store, wanted) == expected, wanted
        async with store.transaction(Scope("org_a")) as tx:
            assert await sources_of(tx, WHO) == ("app", "db")
        async with store.transaction(Scope("org_b")) as tx:
            assert (await lines_of(tx, WHO, Wanted(), NOW)).lines == ()

    asyncio.run(story())


@pytest.mark.parametrize("severity", [7, 4])
def test_page_by_page_every_line_comes_once_in_order(store: Store, severity: int) -> None:
    async def story() -> None:
        rng = random.Random(7)
        times = [NOW_MS - rng.randrange(10_000) // 100 * 100 for _ in range(900)]  # many at the same moment
        for sequence in range(90):
            part = times[sequence * 10 : sequence * 10 + 10]
            await _say(store, sequence, [(at, 4, f"{sequence} {place}") for place, at in enumerate(part)])
        seen: list[LogRow] = []
        before = None
        while True:
            wanted = Wanted(severity=severity, start_ms=NOW_MS - 60_000, before=before)
            async with store.transaction(Scope("org_a")) as tx:
                page = await lines_of(tx, WHO, wanted, NOW, 37)
            seen += page.lines
            before = page.before
            if before is None:
                break
        assert len(seen) == len({row.key for row in seen}) == 900
        assert [row.key for row in seen] == sorted((row.key for row in seen), reverse=True)

    asyncio.run(story())


def test_days_are_made_and_dropped_as_partitions(store: Store) -> None:
    async def story() -> None:
        async with store.transaction(Scope.system()) as tx:
            old = datetime.now(UTC).date() - timedelta(days=LOG_BLOCK_DAYS + 1)
            await append(tx, Said("org_a", "dev_a", b"e", 1, 0, LogBlock(source="app")), old)
            await append(tx, Said("org_a", "dev_a", b"e", 1, 0, LogBlock(source="app")), date.today())  # noqa: DTZ011
            assert await _count(tx) == 2
            await keep(tx)
            assert await _count(tx) == 1
            days = "relname ~ '^log_.*_20[0-9]+$' AND relkind = 'r'"
            guarded = await tx.execute(
                text(f"SELECT bool_and(relrowsecurity AND relforcerowsecurity) FROM pg_class WHERE {days}")
            )
            assert guarded.scalar_one() is True

    asyncio.run(story())


async def _count(tx) -> int:
    return (await tx.execute(text("SELECT count(*) FROM log_blocks"))).scalar_one()


def test_a_device_is_found_by_id_and_name(store: Store) -> None:
    async def story() -> None:
        row = {"organisation_id": "org_a", "id": "dev_a", "name": "till"}
        async with store.transaction(Scope("org_a")) as tx:
            await tx.execute(insert(devices).values(**row, identity_key=b"k" * 32, platform="linux", agent_version="1"))
            assert await speaker(tx, "till") == await speaker(tx, "dev_a") == WHO
            with pytest.raises(BadInput):
                await speaker(tx, "no-such")

    asyncio.run(story())


def test_keys_are_written_and_read() -> None:
    assert read_key(write_key((NOW_MS, 7, 3))) == (NOW_MS, 7, 3)
    assert read_key("7-x-3") is None
