"""Has chrony set the clock right at once instead of bit by bit, within the offset that the plan names.

Never back by more than the executor itself takes: it refuses everything while the clock is below the highest time that
it has seen (DESIGN 4.15), and a plan's life is never prolonged. Such a clock is better left to come right slowly.
"""

import math
from typing import Final

from sereno_diagnostics.parameters import Values
from sereno_playbooks import subjects
from sereno_playbooks.action import Draft, Outcome, Site
from sereno_proto.errors import Refused
from sereno_proto.limits import CLOCK_BACK_MS_MAX
from sereno_proto.planned_step import CANNOT_BE_UNDONE, PlannedStep, Subject

RISK = "medium"
UNDO = f"{CANNOT_BE_UNDONE}: a wrong time is not put back"
LIMITS = {"offset-ms-max": 60_000}
NEEDS = ("root",)
PARAMETERS = ()

_IN_STEP_MS: Final = 50
_SLACK_MS: Final = 100
_FIELDS: Final = 14  # of `chronyc -c tracking`
_OFFSET: Final = 4  # seconds that the system's clock is behind; negative: ahead
_LEAP: Final = 13


def plan(_values: Values, site: Site) -> Draft:
    """The clock, when it is behind or ahead."""
    offset_ms = _offset_ms(site)
    state = _state(offset_ms)
    if state == "in-step":
        return Draft(f"The clock is right to {abs(offset_ms):.0f} ms.", UNDO)
    _refuse_back(offset_ms)
    return Draft(
        effect=f"Sets the clock, which is {abs(offset_ms):.0f} ms {state}, right at once.",
        undo=UNDO,
        subjects=(Subject("clock", "system", state, "in-step"),),
        bounds={"offset-ms-max": math.ceil(abs(offset_ms) * 1.5) + _SLACK_MS},
    )


def verify(step: PlannedStep, _values: Values, site: Site) -> None:
    """Refuses when the clock is further off than planned, or to the other side."""
    _waiting(step, site)


def apply(step: PlannedStep, _values: Values, site: Site) -> str:
    """Has it set."""
    offset_ms = _waiting(step, site)
    if not offset_ms:
        return "the clock was right already"
    site.record({"offset_ms": offset_ms})
    site.programs.change("clock_step")
    after = _offset_ms(site)
    if _state(after) != "in-step":
        raise Refused("E_REQUIRE_FAILED", f"the clock is still {abs(after):.0f} ms {_state(after)}")
    return f"the clock was {abs(offset_ms):.0f} ms {_state(offset_ms)} and is right to {abs(after):.0f} ms"


def revert(_step: PlannedStep, _values: Values, _entries: list[dict[str, object]], _site: Site) -> Outcome:
    """Says that it cannot."""
    return Outcome(UNDO, complete=False)


def _waiting(step: PlannedStep, site: Site) -> float:
    """The offset while something is to be done, else 0."""
    subject = subjects.only(step, "clock", "system")
    if subject is None:
        return 0.0
    offset_ms = _offset_ms(site)
    if not subjects.waiting(subject, _state(offset_ms)):
        return 0.0
    if abs(offset_ms) > step.bounds.get("offset-ms-max", 0):
        raise Refused("E_BOUND", f"the clock is {abs(offset_ms):.0f} ms off by now")
    _refuse_back(offset_ms)
    return offset_ms


def _offset_ms(site: Site) -> float:
    fields = site.programs.told("clock").strip().split(",")
    if len(fields) < _FIELDS or fields[_LEAP] == "Not synchronised":
        raise Refused("E_UNSETTLED", "chrony is not synchronised, so it does not know the right time")
    return float(fields[_OFFSET]) * 1000


def _state(offset_ms: float) -> str:
    if abs(offset_ms) <= _IN_STEP_MS:
        return "in-step"
    return "behind" if offset_ms > 0 else "ahead"


def _refuse_back(offset_ms: float) -> None:
    if -offset_ms > CLOCK_BACK_MS_MAX:
        what = f"the clock would go back by {-offset_ms:.0f} ms, and Sereno takes at most {CLOCK_BACK_MS_MAX}"
        raise Refused("E_BOUND", what, "let chrony slow it down, or set it on the machine")
