"""What every action is: typed parameters, `plan`, `apply` and `revert`, and a risk that the device itself states."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from sereno_diagnostics.allowed import Allowed
from sereno_diagnostics.machine import Machine, Nothing
from sereno_diagnostics.parameters import Parameter, Values
from sereno_playbooks.programs import Programs, nothing
from sereno_proto.errors import SerenoError
from sereno_proto.planned_step import PlannedStep, Subject, Target


@dataclass(frozen=True)
class Draft:
    """What an action would change, from its dry run."""

    effect: str  # one sentence
    undo: str  # how it is undone, or why it cannot be
    targets: tuple[Target, ...] = ()
    subjects: tuple[Subject, ...] = ()
    bounds: dict[str, int] = field(default_factory=dict)
    diff: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """What an action did.

    undo_data: JSON for `revert`; empty when nothing was changed or nothing can be undone.
    complete: False when a revert could not bring everything back; the summary says what and why.
    """

    summary: str
    undo_data: str = ""
    complete: bool = True


class ActionFailed(SerenoError):
    """An action stopped half-way; undo_data takes back what it had done until then."""

    def __init__(self, code: str, what: str = "", remedy: str = "", undo_data: str = "") -> None:
        super().__init__(code, what, remedy)
        self.undo_data = undo_data


Record = Callable[[Mapping[str, object]], None]  # called with one undo entry before the change that it undoes


@dataclass(frozen=True)
class Site:
    """Where an action works: the names it may use, the wall clock, where undo entries go, and what hides secrets.

    programs: those of the system, the changing ones too while it is no dry run; machine: what can be read of it.
    """

    allowed: Allowed
    now_s: Callable[[], float]
    record: Record
    redact: Callable[[str], str]
    programs: Programs = field(default_factory=lambda: Programs(nothing, may_change=False))
    machine: Machine = field(default_factory=Nothing)
    wait: Callable[[float], None] = time.sleep


class Action(Protocol):
    """The shape of a module in actions/. Its file name is its registered name.

    UNDO: how it is undone, or why it cannot be; LIMITS: bounds of a grant made in advance, where people name no others;
    NEEDS: what the executor needs for it, see privileges.py of the agent.
    """

    RISK: str
    UNDO: str
    LIMITS: Mapping[str, int]
    NEEDS: tuple[str, ...]
    PARAMETERS: tuple[Parameter, ...]

    def plan(self, values: Values, site: Site) -> Draft:
        """A dry run: what would change. Changes nothing."""

    def verify(self, step: PlannedStep, values: Values, site: Site) -> None:
        """Raises what apply would raise before its first change: drift, a bound, the policy. Changes nothing."""

    def apply(self, step: PlannedStep, values: Values, site: Site) -> str:
        """Does what the step says, within its bounds, after checking that no target drifted. Gives one line."""

    def revert(self, step: PlannedStep, values: Values, entries: list[dict[str, object]], site: Site) -> Outcome:
        """Takes back the recorded entries, the last one given first, or says why not."""
