"""Writing what the stages decided: alerts, their tickets, one line and one event each, in one transaction."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Text, any_, bindparam, insert, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_proto.ids import new_id
from sereno_server.alerts.signal import Case, Signal
from sereno_server.alerts.situation import Situation
from sereno_server.audit.ledger import record
from sereno_server.desk import tickets
from sereno_server.desk.timeline import tell
from sereno_server.store.events import Event, emit_all
from sereno_server.store.tables import alerts


async def write(tx: AsyncConnection, organisation_id: str, situation: Situation, signals: list[Signal]) -> set[str]:
    """Writes the outcome of one pass and gives the ids of the tickets that it touched."""
    owners: dict[str, str] = {}
    for signal in signals:
        if signal.case is not None and signal.case.fingerprint not in owners:
            owners[signal.case.fingerprint] = await _ticket(tx, organisation_id, situation, signal.case)
    rows = [(signal, owners.get(signal.case.fingerprint) if signal.case else None) for signal in signals]
    await _open(tx, organisation_id, situation, [row for row in rows if row[0].alert_id is None])
    await _renew(tx, organisation_id, situation, [row for row in rows if row[0].alert_id and not row[0].gone])
    await _clear(tx, organisation_id, situation, [signal for signal in signals if signal.alert_id and signal.gone])
    for signal, ticket_id in rows:
        if signal.note and ticket_id:
            kind = "forecast" if signal.forecast_id and not signal.gone else "alert"
            detail = {"forecast": signal.forecast_id or "", "severity": signal.severity}
            await tell(tx, organisation_id, ticket_id, at=situation.now, kind=kind, text=signal.note, detail=detail)
    events = [Event("alert", organisation_id, signal.alert_id or "", signal.device_id) for signal in signals]
    await emit_all(tx, [event for event, signal in zip(events, signals, strict=True) if _is_news(signal, situation)])
    return set(owners.values())


def _is_news(signal: Signal, situation: Situation) -> bool:
    firing = situation.firing.get(signal.fingerprint)
    return signal.gone or firing is None or firing.severity != signal.severity


async def _ticket(tx: AsyncConnection, organisation_id: str, situation: Situation, case: Case) -> str:
    """The id of the case's ticket, opened, reopened or made more urgent as the case says."""
    if case.ticket_id is None:
        return await tickets.open_new(
            tx,
            organisation_id,
            device_id=case.device_id,
            title=case.title,
            priority=case.priority,
            fingerprint=case.fingerprint,
            at=situation.now,
        )
    if case.reopened:
        await tickets.reopen(tx, organisation_id, case.ticket_id, situation.now)
    elif situation.tickets[case.fingerprint].priority != case.priority:
        await tickets.change(tx, organisation_id, case.ticket_id, {"priority": case.priority}, verb="ticket.priority")
    return case.ticket_id


async def _open(
    tx: AsyncConnection, organisation_id: str, situation: Situation, fresh: list[tuple[Signal, str | None]]
) -> None:
    if not fresh:
        return
    rows: list[dict[str, Any]] = [
        {
            "organisation_id": organisation_id,
            "id": new_id("alr"),
            "fingerprint": signal.fingerprint,
            "device_id": signal.device_id,
            "kind": signal.kind,
            "object": signal.object,
            "severity": signal.severity,
            "title": signal.title,
            "state": "firing",
            "opened_at": situation.now,
            "last_at": situation.now,
            "ticket_id": ticket_id,
            "forecast_id": signal.forecast_id,
            "figures": dict(signal.figures),
        }
        for signal, ticket_id in fresh
    ]
    await tx.execute(insert(alerts), rows)
    opened = {"alerts": [{key: row[key] for key in ("id", "fingerprint", "severity", "title")} for row in rows]}
    await record(tx, organisation_id, "server", "alert.open", rows[0]["ticket_id"] or rows[0]["id"], opened)


async def _renew(
    tx: AsyncConnection, organisation_id: str, situation: Situation, known: list[tuple[Signal, str | None]]
) -> None:
    """Writes that known alerts still fire: most only by their time, in one statement, for a storm has thousands."""
    same = [signal for signal, ticket_id in known if _unchanged(signal, ticket_id, situation)]
    if same:
        await tx.execute(
            update(alerts)
            .where(alerts.c.organisation_id == organisation_id, _any_of(signal.alert_id for signal in same))
            .values(last_at=situation.now)
        )
    rows = [
        {
            "alert": signal.alert_id,
            "now_severity": signal.severity,
            "now_title": signal.title,
            "now_forecast": signal.forecast_id,
            "now_figures": dict(signal.figures),
            "now_ticket": ticket_id,
        }
        for signal, ticket_id in known
        if not _unchanged(signal, ticket_id, situation)
    ]
    if rows:
        await tx.execute(
            update(alerts)
            .where(alerts.c.organisation_id == organisation_id, alerts.c.id == bindparam("alert"))
            .values(
                severity=bindparam("now_severity"),
                title=bindparam("now_title"),
                forecast_id=bindparam("now_forecast"),
                figures=bindparam("now_figures"),
                ticket_id=bindparam("now_ticket"),
                last_at=situation.now,
            ),
            rows,
        )


def _unchanged(signal: Signal, ticket_id: str | None, situation: Situation) -> bool:
    firing = situation.firing[signal.fingerprint]
    said = (signal.forecast_id, signal.severity, signal.title, ticket_id)
    return signal.forecast_id is None and said == (None, firing.severity, firing.title, firing.ticket_id)


def _any_of(ids: Iterable[str | None]) -> ColumnElement[bool]:
    """`id = ANY(array)`: one parameter, also for thousands."""
    return alerts.c.id == any_(bindparam("ids", list(ids), type_=ARRAY(Text)))


async def _clear(tx: AsyncConnection, organisation_id: str, situation: Situation, gone: list[Signal]) -> None:
    ids = [signal.alert_id for signal in gone]
    if not ids:
        return
    await tx.execute(
        update(alerts)
        .where(alerts.c.organisation_id == organisation_id, _any_of(ids))
        .values(state="resolved", resolved_at=situation.now)
    )
    payload = {"alerts": [{"id": signal.alert_id, "fingerprint": signal.fingerprint} for signal in gone]}
    await record(tx, organisation_id, "server", "alert.resolve", ids[0] or "", payload)
