"""What is wrong too often is muted there, alerts no more, and speaks again when a person says so."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from sqlalchemy import insert, select

from sereno_proto.errors import Refused
from sereno_server.access.account import Account
from sereno_server.alerts.load import load
from sereno_server.desk.judge import end_mute, rate
from sereno_server.prediction.lifecycle import Forecast
from sereno_server.prediction.muting import Subject, judged, mute_the_wrong
from sereno_server.prediction.rows import save
from sereno_server.prediction.scoreboard import Outcome
from sereno_server.prediction.watch import Key
from sereno_server.reads.scoreboard import scoreboard
from sereno_server.reads.tickets import rating_of
from sereno_server.store.engine import Scope
from sereno_server.store.tables import alerts, anomalies, devices, ledger, mutes, organisations, tickets

ORG, DEV = "org_a", "dev_a"
START = datetime(2026, 3, 1, tzinfo=UTC)
NOA = Account("acc_1", "noa", "Noa", "technician", ORG)


def forecast(number, outcome, *, state="closed", value=500.0):
    at = START + timedelta(days=number)
    made = Outcome(outcome, at + timedelta(hours=6), "why", 3600.0 if outcome == "hit" else None) if outcome else None
    times = dict.fromkeys(("full_at", "full_at_low", "full_at_high", "first_full_at"), at + timedelta(hours=4))
    return Forecast(
        id=f"fct_{number:02d}", key=Key(ORG, DEV, 1), resource="filesystem", object="/var", state=state, made_at=at,
        updated_at=at + timedelta(hours=6), said_at=at, onset_at=at, confidence=0.8, value=value, capacity=1000.0,
        growth_per_s=1.0, outcome=made, **times,
    )  # fmt: skip


async def begin(store):
    async with store.transaction(Scope.system()) as tx:
        row = {"organisation_id": ORG, "name": "a", "root_text": b"", "root_signatures": []}
        await tx.execute(insert(organisations).values(row))
        row = {"organisation_id": ORG, "id": DEV, "name": "web-1", "identity_key": b""}
        await tx.execute(insert(devices).values(**row, platform="linux", agent_version="0"))


async def score(store, forecasts):
    async with store.transaction(Scope.system()) as tx:
        for one in forecasts:
            await save(tx, [one])
            await mute_the_wrong(tx, [Subject.of_forecast(one)] if one.outcome else [], one.updated_at)


async def in_force(store):
    async with store.transaction(Scope(ORG)) as tx:
        return list(await tx.scalars(select(mutes.c.id).where(mutes.c.ended_at.is_(None))))


async def heard(store):
    async with store.transaction(Scope(ORG)) as tx:
        return [one.id for one in (await load(tx, START + timedelta(days=9), START)).forecasts]


@pytest.mark.slow
def test_four_misses_mute_it_until_a_person_ends_that_and_what_was_is_forgiven(store):
    async def story():
        await begin(store)
        await score(store, [forecast(number, "miss") for number in range(3)])
        assert await in_force(store) == []
        await score(store, [forecast(3, "miss"), forecast(4, "miss"), forecast(5, None, state="open")])
        (mute,) = await in_force(store)
        assert await heard(store) == []
        async with store.transaction(Scope(ORG)) as tx:
            board = await scoreboard(tx, START)
            (row,) = board.mutes
            verbs = list(await tx.scalars(select(ledger.c.verb)))
        assert (row.device_name, row.object, row.why) == ("web-1", "/var", "4 of 4 did not come true")
        assert (row.right_in_silence, row.told_in_silence) == (0, 1)
        assert board.total.false_days == pytest.approx(5 * 0.25)
        assert [d.device_name for d in board.devices] == ["web-1"]
        assert verbs == ["predictor.mute"]
        parts = SimpleNamespace(store=store)
        await end_mute(parts, NOA, mute, clock=lambda: START + timedelta(days=6))
        assert await heard(store) == ["fct_05"]
        with pytest.raises(Refused):
            await end_mute(parts, NOA, mute)
        await score(store, [forecast(7, "miss")])
        assert await in_force(store) == []  # what it got wrong before is forgiven

    asyncio.run(story())


@pytest.mark.slow
def test_a_full_disk_is_told_even_where_its_forecasts_are_muted(store):
    async def story():
        await begin(store)
        await score(
            store, [*(forecast(number, "miss") for number in range(4)), forecast(5, None, state="open", value=999.0)]
        )
        assert await in_force(store)
        assert await heard(store) == ["fct_05"]

    asyncio.run(story())


@pytest.mark.slow
def test_a_ticket_that_was_not_useful_counts_as_a_miss(store):
    async def story():
        await begin(store)
        await score(store, [forecast(number, "withdrawn") for number in range(4)])
        parts = SimpleNamespace(store=store)
        for number in range(4):
            same = {"organisation_id": ORG, "device_id": DEV, "fingerprint": f"f:{number}:x:y", "title": ""}
            async with store.transaction(Scope(ORG)) as tx:
                row = {"number": number + 1, "state": "resolved", "stage": "resolved", "priority": 2}
                await tx.execute(insert(tickets).values(**same, **row, id=f"tkt_{number}", opened_at=START))
                row = {"kind": "exhaustion", "object": "/var", "severity": "soon", "state": "resolved", "figures": {}}
                row |= {"opened_at": START, "last_at": START, "forecast_id": f"fct_{number:02d}"}
                await tx.execute(insert(alerts).values(**same, **row, id=f"alr_{number}", ticket_id=f"tkt_{number}"))
            await rate(parts, NOA, f"tkt_{number}", useful=False, clock=lambda: START)
        async with store.transaction(Scope(ORG)) as tx:
            assert await rating_of(tx, "tkt_0", "noa") is False
            assert await rating_of(tx, "tkt_0", "kim") is None
        await score(store, [forecast(6, "withdrawn")])
        assert await in_force(store)

    asyncio.run(story())


def test_a_persons_word_goes_before_the_outcome():
    assert judged("hit", useful=False) == "miss"
    assert judged("miss", useful=True) == "withdrawn"
    assert judged("hit", useful=True) == "hit"
    assert judged("prevented", useful=None) == "prevented"


@pytest.mark.slow
def test_anomalies_are_on_the_board_with_their_lead_and_false_days_and_are_muted_too(store):
    def row(number, outcome):
        at = START + timedelta(days=number)
        over = {"outcome_at": at + timedelta(hours=2) if outcome else None, "outcome_why": "", "strength": 1.0}
        over |= {"state": "closed" if outcome else "open", "outcome": outcome, "title": "", "series": []}
        times = {"made_at": at, "onset_at": at, "updated_at": at + timedelta(hours=6)}
        return {"organisation_id": ORG, "id": f"anm_{number:02d}", "device_id": DEV, **times, **over}

    async def story():
        await begin(store)
        async with store.transaction(Scope(ORG)) as tx:
            for number, outcome in enumerate(["hit", "hit", "withdrawn", *["miss"] * 4, None]):
                await tx.execute(insert(anomalies).values(**row(number, outcome)))
            assert len((await load(tx, START, START)).anomalies) == 1
            await mute_the_wrong(tx, [Subject.of_anomaly(ORG, DEV)], START + timedelta(days=7))
        assert await in_force(store) == []  # a third came true
        async with store.transaction(Scope(ORG)) as tx:
            for number in range(8, 12):
                await tx.execute(insert(anomalies).values(**row(number, "miss")))
            await mute_the_wrong(tx, [Subject.of_anomaly(ORG, DEV)], START + timedelta(days=24))
            assert (await load(tx, START, START)).anomalies == ()
            board = await scoreboard(tx, START - timedelta(days=1))
        (score,) = board.predictors
        assert (score.predictor, score.hit, score.miss, score.withdrawn, score.open) == ("anomaly", 2, 8, 1, 1)
        assert (score.lead_median_s, score.false_days) == (7200, pytest.approx(8 * 0.25))
        assert [(one.from_s, one.hits) for one in board.leads if one.hits] == [(3600, 2)]
        assert board.calibration == ()
        assert (board.mutes[0].predictor, board.mutes[0].resource) == ("anomaly", "device")

    asyncio.run(story())


@pytest.mark.slow
def test_calibration_is_of_what_was_first_said(store):
    async def story():
        await begin(store)
        first = replace(forecast(0, None, state="open"), confidence=0.3)
        await score(
            store, [first, replace(forecast(0, "hit"), confidence=1.0), forecast(1, "miss"), forecast(2, "hit")]
        )
        async with store.transaction(Scope(ORG)) as tx:
            board = await scoreboard(tx, START - timedelta(days=1))
        assert [(one.said, one.told, one.hit) for one in board.calibration] == [
            (pytest.approx(0.3), 1, 1),
            (pytest.approx(0.8), 2, 1),
        ]

    asyncio.run(story())
