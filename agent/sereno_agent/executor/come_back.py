"""After a reboot that a plan asked for: whether the machine came back, so that the run goes on with what only reads.

Nothing else ever goes on after a cut: a run that was interrupted elsewhere, or whose machine is still in the same boot,
has failed with E_INTERRUPTED. What goes on are the requirements of the reboot's own step and the checks behind it, so
that no action is ever done twice.
"""

from pathlib import Path
from typing import Final, NamedTuple

from sereno_agent.executor.journal import Journal
from sereno_agent.executor.plan_store import PlanStore
from sereno_proto.errors import BadInput, SerenoError
from sereno_proto.plan import Plan, read_plan
from sereno_proto.planned_step import PlannedStep
from sereno_proto.v1.runs_pb2 import RUN_STATE_STEP_STARTED

REBOOT: Final = "reboot_machine"
_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")


class CameBack(NamedTuple):
    """A run whose machine is in another boot than when its step began."""

    plan: Plan
    step: int  # from 1


def boot_id() -> str:
    """Which boot of the machine this is; empty where the kernel does not say."""
    try:
        return _BOOT.read_text().strip()
    except OSError:
        return ""


def came_back(journal: Journal, store: PlanStore, boot: str) -> CameBack | None:
    """The run to go on with; None when it was cut off by anything but its own reboot."""
    last = journal.events[-1]
    if last.state != RUN_STATE_STEP_STARTED or not boot:
        return None
    issued = store.find(last.plan_id)
    try:
        plan = read_plan(issued.text) if issued and issued.used else None
    except SerenoError:
        return None
    if plan is None or not 1 <= last.step <= len(plan.steps):
        return None
    step = plan.steps[last.step - 1]
    if step.action != REBOOT or any(later.action for later in plan.steps[last.step :]):
        return None
    booted = [one.name for one in step.subjects if one.kind == "machine"]
    return CameBack(plan, last.step) if booted and booted != [boot] else None


def require_last(steps: tuple[PlannedStep, ...]) -> None:
    """Raises E_PARAMETER when an action follows a reboot: after one, nothing is done any more but looked at."""
    actions = [step.action for step in steps if step.action]
    if REBOOT in actions[:-1]:
        raise BadInput("E_PARAMETER", "after a reboot only checks may follow: what comes later takes another plan")
