"""The one thing that most actions bring from one state to another, as the plan names it."""

from sereno_proto.errors import Refused
from sereno_proto.planned_step import PlannedStep, Subject


def only(step: PlannedStep, kind: str, name: str) -> Subject | None:
    """The plan's subject, None when it has none; raises E_OUTSIDE_POLICY when it names anything else than this."""
    if not step.subjects:
        return None
    if [(one.kind, one.name) for one in step.subjects] != [(kind, name)]:
        named = ", ".join(one.name for one in step.subjects)
        raise Refused("E_OUTSIDE_POLICY", f"the plan names {named}, and not {kind} {name}")
    return step.subjects[0]


def waiting(subject: Subject, now: str) -> bool:
    """Whether it is still to be changed; raises E_TARGET_DRIFTED when it is neither as planned nor as wished."""
    if now not in {subject.before, subject.after}:
        what = f"{subject.kind} {subject.name} is {now}, it was {subject.before} when the plan was made"
        raise Refused("E_TARGET_DRIFTED", what)
    return now == subject.before
