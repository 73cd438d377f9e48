"""What the desk does next about a ticket. Pure: the same facts give the same step, also after a crash."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sereno_proto.roster import NOBODY
from sereno_proto.v1.runs_pb2 import RunCheck
from sereno_server.desk.facts import Facts, RunFact
from sereno_server.desk.suggest import Suggestion

GONE_HOLD_S: Final = 60.0  # a condition that went away by itself must stay away for so long
VERIFY_S: Final = 900.0  # a fix that worked must show in the condition within this
PROPOSALS_MAX: Final = 48  # plans live half an hour: a day of proposals that nobody answers
REFUSALS_MAX: Final = 3
# Refusals that a new plan may cure. After any other one a person has to look first.
STALE: Final = frozenset(
    {"E_TARGET_DRIFTED", "E_POLICY_CHANGED", "E_PLAN_UNKNOWN", "E_PLAN_EXPIRED", "E_ROSTER_VERSION", "E_ACTION_CODE"}
)
# What a device says to a dry run of something that its policy or its store of versions does not give.
TOO_WIDE: Final = frozenset({"E_POLICY_FORBIDS", "E_OUTSIDE_POLICY", "E_VERSION_UNKNOWN"})


@dataclass(frozen=True)
class RankCauses:
    """Rank what changed before it began."""


@dataclass(frozen=True)
class DoCheck:
    """Have the device run one read-only check."""

    mark: str
    check: RunCheck


@dataclass(frozen=True)
class Propose:
    """Ask the device for a plan of the suggested playbook, as nobody."""

    suggestion: Suggestion


@dataclass(frozen=True)
class Resolve:
    """The condition is verified gone."""

    resolution: str


@dataclass(frozen=True)
class GiveUp:
    """The fix ran, and the condition is still there: a person has to look."""

    run_id: str


Step = RankCauses | DoCheck | Propose | Resolve | GiveUp


@dataclass(frozen=True)
class Decision:
    """The stage that the ticket is at, and the next step, None while there is nothing to do but wait."""

    stage: str
    step: Step | None = None


def decide(facts: Facts, suggestion: Suggestion | None) -> Decision:
    """Decides about one ticket."""
    if facts.state != "open":
        return Decision(facts.stage)
    stage = stage_of(facts, suggestion)
    if any(run.state == "executing" for run in facts.runs):
        return Decision(stage)
    worked = next((run for run in reversed(facts.runs) if run.state == "succeeded"), None)
    if all(alert.state == "resolved" for alert in facts.alerts):
        return Decision(stage, _resolve(facts, worked))
    if worked is not None:
        late = facts.now - (worked.finished_at or worked.created_at) >= timedelta(seconds=VERIFY_S)
        mark = facts.mark(f"unverified:{worked.id}")
        return Decision(stage, GiveUp(worked.id) if late and mark not in facts.marks else None)
    return Decision(stage, _diagnose(facts, suggestion) or _propose(facts, suggestion))


def stage_of(facts: Facts, suggestion: Suggestion | None) -> str:
    """The ticket's stage, the furthest that its rows show."""
    states = {run.state for run in facts.runs}
    waiting = [run for run in facts.runs if run.state == "planned"]
    if "executing" in states:
        return "running"
    if "succeeded" in states:
        given_up = any(facts.mark(f"unverified:{run.id}") in facts.marks for run in facts.runs)
        return "checked" if given_up and not waiting else "verifying" if not waiting else "waiting"
    if any(run.requester != NOBODY or run.signed for run in waiting):
        return "waiting"
    if waiting:
        return "proposed"
    return "predicted" if _diagnose(facts, suggestion) else "checked"


def _resolve(facts: Facts, worked: RunFact | None) -> Resolve | None:
    if worked is not None:
        return Resolve(f"{worked.playbook} was carried out, its own checks held, and the condition is gone")
    quiet_since = max((alert.resolved_at for alert in facts.alerts if alert.resolved_at), default=facts.now)
    if facts.alerts and facts.now - quiet_since < timedelta(seconds=GONE_HOLD_S):
        return None
    return Resolve("The condition went away by itself")


def _diagnose(facts: Facts, suggestion: Suggestion | None) -> RankCauses | DoCheck | None:
    """The evidence that is still missing."""
    if facts.mark("causes") not in facts.marks:
        return RankCauses()
    for check in suggestion.diagnose if suggestion else ():
        given = ",".join(f"{name}={value}" for name, value in sorted(check.parameters.items()))
        mark = facts.mark(f"check:{check.check}:{given}")
        if mark not in facts.marks:
            return DoCheck(mark, check)
    return None


def _propose(facts: Facts, suggestion: Suggestion | None) -> Propose | None:
    if suggestion is None or not suggestion.playbook or facts.mark("unproposable") in facts.marks:
        return None
    too_wide = [run for run in facts.runs if run.planned_at is None and run.code in TOO_WIDE]
    if too_wide and suggestion.narrower is not None:  # the device would not do all of it; ask once for the core of it
        others = tuple(run for run in facts.runs if run not in too_wide)
        return Propose(suggestion.narrower) if len(too_wide) == 1 and may_propose(others) else None
    return Propose(suggestion) if may_propose(facts.runs) else None


def may_propose(runs: tuple[RunFact, ...]) -> bool:
    """Whether the desk may ask for another plan, after what became of the ones before.

    Not while one lives, not after a person said no, not after a failure or a refusal that a new plan does not cure.
    """
    own = [run for run in runs if run.requester == NOBODY]
    if any(run.state in {"planning", "planned", "executing"} for run in runs) or len(own) >= PROPOSALS_MAX:
        return False
    if any(run.state in {"denied", "failed"} for run in runs):
        return False
    refused = [run for run in runs if run.state == "refused"]
    return len(refused) < REFUSALS_MAX and all(run.code in STALE for run in refused)
