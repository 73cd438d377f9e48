"""Read models over the seeded story: order, search, paging, counts, and what is not there."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update
from tests.server.web import seed
from tests.server.web.seed_rows import ORGANISATION, device_id

from sereno_proto.errors import BadInput
from sereno_server.reads.devices import device
from sereno_server.reads.fleet import fleet, fleet_counts, upcoming
from sereno_server.reads.ledger import ledger
from sereno_server.reads.runs import run, waiting
from sereno_server.reads.scoreboard import scoreboard
from sereno_server.reads.tickets import ticket, ticket_counts, tickets
from sereno_server.store.engine import Scope
from sereno_server.store.tables import alerts, devices

pytestmark = pytest.mark.slow

NOW = datetime(2026, 11, 19, 3, 12, 41, tzinfo=UTC)


def over_the_story(store, ask, *, scope=ORGANISATION):
    """What `ask(tx)` gives, in the story's organisation or another scope."""

    async def play():
        async with store.transaction(Scope(ORGANISATION)) as tx:
            story = await seed.fill(tx, NOW)
        async with store.transaction(Scope(scope)) as tx:
            return await ask(tx, story)

    return asyncio.run(play())


def test_those_that_need_someone_come_first_and_each_is_counted(store):
    async def ask(tx, _):
        return await fleet(tx, NOW), await fleet_counts(tx, NOW)

    rows, counts = over_the_story(store, ask)
    assert [(r.name, r.health) for r in rows[:4]] == [
        ("srv-files-02", "soon"),
        ("tablet-12", "silent"),
        ("db-1", "watch"),
        ("hv-03", "watch"),
    ]
    assert (counts.total, counts.soon, counts.silent, counts.watch, counts.well) == (8, 1, 1, 2, 4)
    first = rows[0]
    assert first.headline == "srv-files-02: /var will be full in 4 h 28 min, at 07:40."
    assert (first.ticket.label, first.forecast.object, first.change.summary) == (
        "T-4817",
        "/var",
        "orders-api logs at DEBUG",
    )


def test_search_takes_every_word_and_no_wildcard(store):
    async def ask(tx, _):
        found = {}
        for words in ("srv", "srv obrador", "%", "_", "\\", "nothing"):
            found[words] = [r.name for r in await fleet(tx, NOW, search=words)]
        return found

    found = over_the_story(store, ask)
    assert found["srv"] == ["srv-files-02", "srv-erp-01"]
    assert found["srv obrador"] == ["srv-files-02"]
    assert found["%"] == found["\\"] == found["nothing"] == []
    assert len(found["_"]) == 8  # every id has one


def test_pages_are_disjoint_and_whole(store):
    async def ask(tx, _):
        return [await fleet(tx, NOW, limit=3, offset=n) for n in (0, 3, 6, 9)]

    pages = over_the_story(store, ask)
    assert [len(p) for p in pages] == [3, 3, 2, 0]
    assert len({r.id for p in pages for r in p}) == 8


def test_a_failing_alert_outranks_everything_and_silence_outranks_old_news(store):
    async def ask(tx, _):
        await tx.execute(update(alerts).where(alerts.c.device_id == device_id("db-1")).values(severity="failing"))
        long_ago = NOW - timedelta(hours=2)
        await tx.execute(
            update(devices)
            .where(devices.c.id == device_id("srv-files-02"))
            .values(connected_at=None, last_seen=long_ago)
        )
        return await fleet(tx, NOW)

    rows = over_the_story(store, ask)
    assert [(r.name, r.health) for r in rows[:2]] == [("db-1", "failing"), ("srv-files-02", "silent")]
    assert rows[1].headline == "srv-files-02 has been silent for 2 h, since 01:12."


def test_the_horizon_names_ticket_cause_and_the_run_that_waits(store):
    async def ask(tx, story):
        return story, await upcoming(tx, NOW)

    story, rows = over_the_story(store, ask)
    assert [r.device_name for r in rows] == ["srv-files-02", "db-1", "hv-03"]
    assert rows[0].ticket.label == "T-4817"
    assert rows[0].cause == "orders-api logs at DEBUG"
    assert rows[0].waiting_run_id == story.run_id
    assert rows[1].ticket is None


def test_a_device_shows_its_bounded_resources_the_first_to_run_out_on_top(store):
    async def ask(tx, _):
        return await device(tx, "srv-files-02", NOW), await device(tx, device_id("tablet-12"), NOW)

    view, tablet = over_the_story(store, ask)
    assert [(r.resource, r.object) for r in view.resources] == [
        ("filesystem", "/var"),
        ("memory", ""),
        ("filesystem", "/srv/share"),
        ("inodes", "/var"),
    ]
    assert view.resources[0].share == pytest.approx(0.81, abs=0.01)
    assert [c.rank for c in view.causes] == [1, 2]
    assert tablet.resources == ()


def test_a_ticket_is_found_by_number_label_and_id(store):
    async def ask(tx, story):
        return [(await ticket(tx, key)).id for key in ("4817", "T-4817", "t-4817", story.ticket_id)], story

    found, story = over_the_story(store, ask)
    assert set(found) == {story.ticket_id}


def test_ticket_lists_and_counts_agree(store):
    async def ask(tx, _):
        return (
            await tickets(tx, NOW),
            await tickets(tx, NOW, state="solved"),
            await tickets(tx, NOW, state="all", search="t-48 var"),
            await ticket_counts(tx, NOW),
            await ticket_counts(tx, NOW + timedelta(hours=1)),
        )

    is_open, solved, searched, counts, later = over_the_story(store, ask)
    assert [t.label for t in is_open] == ["T-4817"]
    assert [t.label for t in solved] == ["T-4790"]
    assert [t.label for t in searched] == ["T-4817"]
    assert (counts.open, counts.waiting, counts.solved) == (1, 1, 1)
    assert later.waiting == 0  # its plan has ended


def test_a_run_carries_the_exact_bytes_and_who_signed(store):
    async def ask(tx, story):
        return story, await run(tx, story.run_id), await waiting(tx, NOW)

    story, view, queue = over_the_story(store, ask)
    assert view.plan_text == story.plan_text
    assert (view.requested_by, view.approved_by) == (("noa",), ())
    assert view.waits(NOW)
    assert not view.waits(NOW + timedelta(hours=1))
    assert [(r.id, r.device_name, r.ticket_number) for r in queue] == [(story.run_id, "srv-files-02", 4817)]


def test_the_scoreboard_keeps_prevented_and_withdrawn_apart(store):
    async def ask(tx, _):
        return await scoreboard(tx, NOW - timedelta(days=30))

    total = over_the_story(store, ask).total
    assert (total.hit, total.miss, total.prevented, total.withdrawn, total.open) == (31, 5, 7, 5, 3)
    assert total.came_true == pytest.approx(31 / 36)
    assert total.lead_worst_tenth_s < total.lead_median_s


def test_the_ledger_is_read_backwards_page_by_page(store):
    async def ask(tx, _):
        first = await ledger(tx, limit=4)
        rest = await ledger(tx, limit=4, before=(first[-1].at, first[-1].id))
        return first, rest, await ledger(tx, search="noa run.sign")

    first, rest, found = over_the_story(store, ask)
    assert [r.verb for r in (*first, *rest)] == [
        "run.sign",
        "run.request",
        "run.planned",
        "check.run",
        "check.run",
        "ticket.open",
    ]
    assert [r.verb for r in found] == ["run.sign"]


def test_what_is_not_there_or_not_mine_is_not_found(store):
    async def ask(tx, story):
        codes = []
        for read in (device(tx, "srv-files-02", NOW), ticket(tx, "T-4817"), run(tx, story.run_id)):
            with pytest.raises(BadInput) as refused:
                await read
            codes.append(refused.value.code)
        return codes, await fleet(tx, NOW), await ledger(tx)

    codes, rows, lines = over_the_story(store, ask, scope="org_other")
    assert codes == ["E_NOT_FOUND"] * 3
    assert rows == []
    assert lines == []


def test_a_lockdown_and_a_failing_collector_show_at_once_and_go_with_the_next_status(store):
    status = {
        "lockdown": True,
        "collectors": [
            {"name": "cpu", "mean_ms": 0.1, "failures": 0, "error": ""},
            {"name": "disks", "mean_ms": 2.0, "failures": 7, "error": "OSError: no"},
        ],
    }

    async def ask(tx, _):
        where = devices.c.id == device_id("db-1")
        await tx.execute(update(devices).where(where).values(status=status))
        before = await device(tx, "db-1", NOW)
        quiet = {"lockdown": False, "collectors": [status["collectors"][0]]}
        await tx.execute(update(devices).where(where).values(status=quiet))
        return before, await device(tx, "db-1", NOW)

    before, after = over_the_story(store, ask)
    assert before.device.lockdown is True
    assert before.device.headline.endswith("It is in lockdown: nothing remote may act on it.")
    assert before.findings[0].title == "The collector disks fails: OSError: no"
    assert "sereno-agent collect disks" in before.findings[0].advice
    assert (after.device.lockdown, [f for f in after.findings if f.check.startswith("collector")]) == (False, [])
    assert "lockdown" not in after.device.headline
