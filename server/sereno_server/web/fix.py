"""A run's plan as pages show it: the parsed text in words, who must sign, and what it would undo."""

from collections.abc import Sequence
from dataclasses import dataclass

from sereno_proto.errors import SerenoError
from sereno_proto.plan import Plan, read_plan
from sereno_proto.planned_step import CANNOT_BE_UNDONE, PlannedStep, Require
from sereno_proto.roster import Threshold
from sereno_server.reads.rows import FindingRow, RunEventRow
from sereno_server.reads.runs import RunView
from sereno_server.reads.words import Words

_COMPARISONS = {"<": "<", "<=": "≤", ">": ">", ">=": "≥", "==": "=", "!=": "≠"}


@dataclass(frozen=True)
class Fix:
    """A plan in words. `text` is the device's own document, exactly; `plan` is None when it cannot be read."""

    title: str
    text: str
    plan: Plan | None
    undo: str  # yes, no, partly
    required: tuple[Require, ...]
    threshold: Threshold | None
    approved: tuple[str, ...]
    requested: tuple[str, ...]

    @property
    def needed(self) -> int | None:
        """How many persons must approve."""
        return self.threshold.persons if self.threshold else None

    @property
    def missing(self) -> int:
        return max(0, (self.needed or 1) - len(self.approved))


def fix_of(run: RunView, threshold: Threshold | None, words: Words) -> Fix:
    """What a run would do, did, or was refused to do."""
    text = (run.plan_text or b"").decode("ascii", "replace")
    plan: Plan | None = None
    if run.plan_text:
        try:
            plan = read_plan(run.plan_text)
        except SerenoError:
            plan = None
    steps = plan.steps if plan else ()
    return Fix(
        title=playbook_title(run.playbook, words),
        text=text,
        plan=plan,
        undo=undo_of(steps),
        required=tuple(r for step in steps for r in step.require),
        threshold=threshold,
        approved=run.approved_by,
        requested=run.requested_by,
    )


def playbook_title(playbook: str, words: Words) -> str:
    """`disk.free_space` as people say it."""
    known = {"disk.free_space": words.say("Free space")}
    return known.get(playbook) or playbook.rpartition(".")[2].replace("_", " ").capitalize()


def require_words(require: Require, words: Words) -> str:
    """`free_percent of disk_space (app-logs) ≥ 35 within 1 min`."""
    about = ", ".join(require.parameters.values())
    said = words.say(
        "{figure} {comparison} {value}, measured by {check}",
        figure=require.figure.replace("_", " "),
        comparison=_COMPARISONS.get(require.comparison, require.comparison),
        value=words.number(require.value, 1),
        check=f"{require.check} ({about})" if about else require.check,
    )
    if not require.within_s:
        return said
    return words.say("{said}, within {span}", said=said, span=words.span(require.within_s))


def bound_words(bounds: dict[str, int], words: Words) -> str:
    """`at most 8.3 GB removed, at most 15 files`."""
    said = []
    for name, value in bounds.items():
        if name == "bytes-removed-max":
            said.append(words.say("at most {amount} removed", amount=words.bytes(value)))
        elif name == "bytes-max":
            said.append(words.say("at most {amount} touched", amount=words.bytes(value)))
        elif name == "files-max":
            said.append(words.say_n("at most {n} file", "at most {n} files", value))
        elif name == "targets-max":
            said.append(words.say_n("at most {n} thing changed", "at most {n} things changed", value))
        else:
            said.append(f"{name} {words.number(value)}")
    return ", ".join(said)


def told(events: Sequence[RunEventRow]) -> list[RunEventRow]:
    """A run's events without the beginning of a step whose end is there too."""
    ended = {e.step for e in events if e.state in {"step_done", "step_skipped", "step_failed", "step_reverted"}}
    return [e for e in events if e.state != "step_started" or e.step not in ended]


def proof(events: Sequence[RunEventRow], found: Sequence[FindingRow]) -> list[FindingRow]:
    """What the run's checks found, once each, without what an event above says in the same words."""
    said = {event.what for event in told(events)}
    return list({(one.check, one.title): one for one in found if one.title not in said}.values())


def _has_undo(step: PlannedStep) -> bool:
    return bool(step.undo) and not step.undo.startswith(CANNOT_BE_UNDONE)


def undo_of(steps: Sequence[PlannedStep]) -> str:
    """Whether the machine can undo the steps by itself: yes, no, partly."""
    acting = [step for step in steps if step.action]
    undone = [step for step in acting if step.on_failure == "undo" and _has_undo(step)]
    if acting and len(undone) == len(acting):
        return "yes"
    return "partly" if undone else "no"
