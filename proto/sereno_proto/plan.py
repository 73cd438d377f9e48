"""The plan document: what a device will do, in the device's own words. The plan is the grant (DESIGN 4.6)."""

from dataclasses import dataclass, field
from datetime import datetime

RISKS = ("low", "medium", "high")


@dataclass(frozen=True)
class Target:
    """One file that a step changes, as it was when the plan was made.

    before: `sha256:…`, `absent`, or `growing` for a log that may still grow: path, inode and
    bytes_max identify it then.
    after: `sha256:…`, `absent`, or `truncated`.
    """

    path: str
    inode: int
    before: str
    after: str
    bytes_max: int = 0


@dataclass(frozen=True)
class Require:
    """A figure of a check that must hold after a step: `disk_space(folder=app-logs).free_percent >= 20 within 60`."""

    check: str
    parameters: dict[str, str]
    figure: str
    comparison: str
    value: float
    within_s: int = 0


@dataclass(frozen=True)
class PlannedStep:
    """One step after its dry run: either an action with its targets and bounds, or a check."""

    name: str
    parameters: dict[str, str]
    action: str = ""
    check: str = ""
    code: str = ""  # digest of the action's code
    risk: str = "low"
    effect: str = ""  # one sentence of the device's own
    undo: str = ""  # how it is undone, or why it cannot be
    on_failure: str = "undo"
    targets: tuple[Target, ...] = ()
    bounds: dict[str, int] = field(default_factory=dict)  # {"bytes-removed-max": 52428800, "files-max": 14}
    diff: tuple[str, ...] = ()  # lines of a unified diff, where a text file changes
    require: tuple[Require, ...] = ()
    when: tuple[Require, ...] = ()


@dataclass(frozen=True)
class Plan:
    """A plan as read from its text. The text's exact bytes are what is signed; this is never written back from here."""

    id: str  # pln_...
    nonce: str
    device_id: str
    device_name: str
    organisation_id: str
    run_id: str
    ticket_id: str  # or ""
    playbook: str
    requester: str  # a person on the roster, or "server"
    risk: str
    roster_version_min: int
    policy_digest: str
    issued: datetime
    expires: datetime
    steps: tuple[PlannedStep, ...]
