"""The pieces that several views show: forecasts, changes, findings, signatures, events."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

Health = Literal["failing", "soon", "watch", "silent", "well"]
HEALTH_ORDER: tuple[Health, ...] = ("failing", "soon", "watch", "silent", "well")


@dataclass(frozen=True)
class ForecastRow:
    """When a bounded resource of one device runs out, how sure that is, and later what came of it."""

    id: str
    device_id: str
    series_id: int
    predictor: str
    resource: str  # folder, filesystem, memory, ...
    object: str  # app-logs, /var, ...
    state: str  # open, closed
    made_at: datetime
    updated_at: datetime
    full_at: datetime | None
    full_at_low: datetime | None
    full_at_high: datetime | None
    onset_at: datetime | None
    confidence: float
    value: float
    capacity: float
    growth_per_s: float
    path: tuple[tuple[float, ...], ...] = ()  # (ms, low, median, high)
    outcome: str | None = None  # hit, miss, prevented, withdrawn
    outcome_at: datetime | None = None
    outcome_why: str | None = None
    lead_s: float | None = None


@dataclass(frozen=True)
class ChangeRow:
    """A difference in a watched thing, with its diff."""

    id: str
    device_id: str
    kind: str
    object: str
    name: str
    summary: str
    diff: str
    who: str
    at: datetime
    before_digest: str = ""
    after_digest: str = ""


@dataclass(frozen=True)
class CauseRow:
    """A change, ranked as the likely cause of a ticket."""

    rank: int
    weight: float
    why: str
    change: ChangeRow


@dataclass(frozen=True)
class FindingRow:
    """One typed result of a check."""

    id: str
    device_id: str
    ticket_id: str | None
    run_id: str | None
    check: str
    severity: str  # fine, note, serious, failing
    title: str
    advice: str
    evidence: tuple[tuple[str, str], ...]
    figures: Mapping[str, Any]
    duration_ms: float | None
    at: datetime


@dataclass(frozen=True)
class AlertRow:
    """A condition that holds, or held."""

    id: str
    device_id: str
    kind: str
    object: str
    severity: str
    title: str
    state: str
    opened_at: datetime
    last_at: datetime
    resolved_at: datetime | None
    forecast_id: str | None
    figures: Mapping[str, Any]


@dataclass(frozen=True)
class EventRow:
    """One line of a ticket's timeline."""

    id: str
    at: datetime
    kind: str
    text: str
    actor: str
    detail: Mapping[str, Any]


@dataclass(frozen=True)
class SignatureRow:
    """One person's signature over a plan."""

    person: str
    purpose: str  # request, approve
    at: datetime


@dataclass(frozen=True)
class RunEventRow:
    """One line that the device told about a run."""

    at: datetime
    step: int
    state: str
    what: str
    code: str
    ledger_digest: str


@dataclass(frozen=True)
class RunRow:
    """One execution of a playbook, in a list."""

    id: str
    ticket_id: str | None
    device_id: str
    playbook: str
    requester: str
    state: str
    risk: str | None
    created_at: datetime
    planned_at: datetime | None
    expires_at: datetime | None
    finished_at: datetime | None
    plan_digest: str | None
    code: str | None
    what: str | None


@dataclass(frozen=True)
class TicketBrief:
    """A ticket as other things name it."""

    id: str
    number: int
    title: str
    state: str
    stage: str

    @property
    def label(self) -> str:
        return f"T-{self.number}"


@dataclass(frozen=True)
class NoticeRow:
    """Something about the device's own working that its people should know: a skewed clock, a failing collector."""

    code: str
    what: str
    remedy: str
    at: datetime


@dataclass(frozen=True)
class LedgerRow:
    """One line of the server's ledger; position and digest are empty until the sequencer has chained it."""

    id: str
    at: datetime
    actor: str
    verb: str
    object: str
    payload: Mapping[str, Any] | None
    payload_digest: str
    position: int | None = None
    previous: str | None = None
    digest: str | None = None


@dataclass(frozen=True)
class DeviceBrief:
    """A device as other things name it."""

    id: str
    name: str
    site: str | None = None
    platform: str = ""
    name_verified: bool = False
    last_seen: datetime | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
