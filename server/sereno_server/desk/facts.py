"""What is known about one ticket: everything that the desk decides on, read from rows in one go."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import and_, exists, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_proto.errors import Refused
from sereno_server.reads.devices import status_of
from sereno_server.store.tables import alerts, causes, changes, findings, runs, signatures, tickets, timeline

_FINDINGS_MAX: Final = 256


@dataclass(frozen=True)
class AlertFact:
    """An alert of the ticket."""

    id: str
    kind: str
    resource: str
    object: str
    state: str
    forecast_id: str | None
    opened_at: datetime
    resolved_at: datetime | None
    figures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class CauseFact:
    """A change ranked as the likely cause."""

    change_id: str
    rank: int
    weight: float
    kind: str
    name: str  # the policy's name for it
    before_digest: str
    object: str = ""  # a path, a package, ...
    diff: str = ""


@dataclass(frozen=True)
class FindingFact:
    """What a check found on the device for this ticket."""

    check: str
    severity: str
    evidence: tuple[tuple[str, str], ...] = ()
    figures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class RunFact:
    """A run of the ticket, since it was (re)opened."""

    id: str
    playbook: str
    requester: str
    state: str
    code: str | None
    created_at: datetime
    finished_at: datetime | None
    planned_at: datetime | None = None
    signed: bool = False


@dataclass(frozen=True)
class Facts:
    """One ticket at one moment. marks: what the desk did already, by the marks that it leaves on the timeline."""

    organisation_id: str
    ticket_id: str
    device_id: str
    fingerprint: str
    state: str
    stage: str
    round: int  # rises with every reopening; each round is worked anew
    now: datetime
    alerts: tuple[AlertFact, ...] = ()
    causes: tuple[CauseFact, ...] = ()
    runs: tuple[RunFact, ...] = ()  # of this round, the oldest first
    marks: frozenset[str] = frozenset()
    names: tuple[str, ...] = ()  # of the device's policy, as it told them: `folder app-logs`
    findings: tuple[FindingFact, ...] = ()  # the newest first

    def mark(self, work: str) -> str:
        """The mark that a piece of work leaves in this round."""
        return f"{self.round}:{work}"


async def load(tx: AsyncConnection, organisation_id: str, ticket_id: str, now: datetime) -> Facts:
    """Reads a ticket's facts; raises E_NOT_FOUND."""
    of_ticket = and_(tickets.c.organisation_id == organisation_id, tickets.c.id == ticket_id)
    row = (await tx.execute(select(tickets).where(of_ticket))).mappings().first()
    if row is None:
        raise Refused("E_NOT_FOUND", f"no ticket {ticket_id}")
    marks, reopened = await _marks(tx, organisation_id, ticket_id)
    return Facts(
        organisation_id=organisation_id,
        ticket_id=ticket_id,
        device_id=row["device_id"],
        fingerprint=row["fingerprint"],
        state=row["state"],
        stage=row["stage"],
        round=1 + len(reopened),
        now=now,
        alerts=await _alerts(tx, organisation_id, ticket_id),
        causes=await _causes(tx, organisation_id, ticket_id),
        runs=await _runs(tx, organisation_id, ticket_id, max(reopened, default=row["opened_at"])),
        marks=marks,
        names=tuple(map(str, (await status_of(tx, row["device_id"])).get("names", ()))),
        findings=await _findings(tx, organisation_id, ticket_id),
    )


async def _findings(tx: AsyncConnection, organisation_id: str, ticket_id: str) -> tuple[FindingFact, ...]:
    found = await tx.execute(
        select(findings.c.check, findings.c.severity, findings.c.evidence, findings.c.figures)
        .where(findings.c.organisation_id == organisation_id, findings.c.ticket_id == ticket_id)
        .order_by(findings.c.at.desc(), findings.c.id)
        .limit(_FINDINGS_MAX)
    )
    return tuple(
        FindingFact(
            row.check, row.severity, tuple((str(key), str(value)) for key, value in row.evidence), dict(row.figures)
        )
        for row in found.all()
    )


async def _marks(tx: AsyncConnection, organisation_id: str, ticket_id: str) -> tuple[frozenset[str], list[datetime]]:
    found = await tx.execute(
        select(timeline.c.at, timeline.c.detail).where(
            timeline.c.organisation_id == organisation_id,
            timeline.c.ticket_id == ticket_id,
            or_(timeline.c.detail["mark"].is_not(None), timeline.c.detail["reopened"].is_not(None)),
        )
    )
    rows = found.all()
    marks = frozenset(str(row.detail["mark"]) for row in rows if "mark" in row.detail)
    return marks, [row.at for row in rows if "reopened" in row.detail]


async def _alerts(tx: AsyncConnection, organisation_id: str, ticket_id: str) -> tuple[AlertFact, ...]:
    found = await tx.execute(
        select(alerts)
        .where(alerts.c.organisation_id == organisation_id, alerts.c.ticket_id == ticket_id)
        .order_by(alerts.c.opened_at, alerts.c.id)
    )
    return tuple(_alert(row) for row in found.mappings())


def _alert(row: Mapping[Any, Any]) -> AlertFact:
    names = set(AlertFact.__dataclass_fields__) - {"resource"}
    return AlertFact(**{name: row[name] for name in names}, resource=row["fingerprint"].split(":", 3)[2])


async def _causes(tx: AsyncConnection, organisation_id: str, ticket_id: str) -> tuple[CauseFact, ...]:
    same = and_(causes.c.organisation_id == changes.c.organisation_id, causes.c.change_id == changes.c.id)
    found = await tx.execute(
        select(
            causes.c.change_id,
            causes.c.rank,
            causes.c.weight,
            changes.c.kind,
            changes.c.name,
            changes.c.before_digest,
            changes.c.object,
            changes.c.diff,
        )
        .join_from(causes, changes, same)
        .where(causes.c.organisation_id == organisation_id, causes.c.ticket_id == ticket_id)
        .order_by(causes.c.rank)
    )
    return tuple(CauseFact(**row) for row in found.mappings())


async def _runs(tx: AsyncConnection, organisation_id: str, ticket_id: str, since: datetime) -> tuple[RunFact, ...]:
    signed = exists().where(signatures.c.organisation_id == runs.c.organisation_id, signatures.c.run_id == runs.c.id)
    names = [name for name in RunFact.__dataclass_fields__ if name != "signed"]
    found = await tx.execute(
        select(*(runs.c[name] for name in names), signed.label("signed"))
        .where(runs.c.organisation_id == organisation_id, runs.c.ticket_id == ticket_id, runs.c.created_at >= since)
        .order_by(runs.c.created_at, runs.c.id)
    )
    return tuple(RunFact(**row) for row in found.mappings())
