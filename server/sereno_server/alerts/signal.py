"""A signal: one condition that a source sees now, and what the stages decided about it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

STORM = "storm:"  # what a ticket's fingerprint begins with when it is about many devices
SEVERITIES = ("watch", "soon", "failing")  # a ticket is opened from "soon" on


@dataclass(frozen=True)
class Case:
    """The ticket that a signal belongs to: an open one, a resolved one to reopen, or (ticket_id None) a fresh one."""

    fingerprint: str
    device_id: str
    title: str
    priority: int  # 1 (now) .. 4 (some day)
    ticket_id: str | None = None
    reopened: bool = False


@dataclass(frozen=True)
class Signal:
    """A condition on a device. since: when it began, by the server's clock.

    The first block is the source's. The second is filled in by the stages, in their order.
    """

    kind: str  # exhaustion, silent, clock_skew, ...
    device_id: str
    object: str  # app-logs, /var, or "" when the device itself is meant
    severity: str
    title: str  # what is so at this moment: "Folder app-logs will be full in 4 h 28 min"
    since: datetime
    resource: str = ""  # folder, filesystem, memory, ...
    forecast_id: str | None = None
    figures: Mapping[str, float] = field(default_factory=dict)
    gone: bool = False  # the condition of a firing alert is not there any more

    alert_id: str | None = None  # deduplicate: the firing alert that this is
    group: str = ""  # correlate: the fingerprint of the ticket it belongs to
    case: Case | None = None  # open_ticket
    note: str = ""  # notify: the line on the ticket's timeline, "" = nothing new to say

    @property
    def fingerprint(self) -> str:
        """What makes two signals the same condition."""
        return f"{self.kind}:{self.device_id}:{self.resource}:{self.object}"


def worse(severity: str, than: str) -> bool:
    """Tells whether one severity is worse than another."""
    return SEVERITIES.index(severity) > SEVERITIES.index(than)
