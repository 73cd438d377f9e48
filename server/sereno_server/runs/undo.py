"""Undoing a run afterwards: a new plan of the opposite steps, the last first, which people sign like any other."""

from collections.abc import Mapping
from typing import Final

from sereno_proto.errors import Refused
from sereno_proto.plan import read_plan
from sereno_proto.planned_step import PlannedStep
from sereno_proto.v1.runs_pb2 import Step
from sereno_server.access.account import Account
from sereno_server.access.authorise import Object, authorise
from sereno_server.app import now as server_clock
from sereno_server.runs import rows
from sereno_server.runs.parts import Clock, Parts
from sereno_server.runs.request import insert_run, require_ticket
from sereno_server.store.engine import Scope

PREFIX: Final = "undo."
# Actions whose opposite is an action with the same parameters.
OPPOSITES: Final[Mapping[str, str]] = {
    one: other
    for pair in (
        ("start_service", "stop_service"),
        ("enable_service", "disable_service"),
        ("mask_service", "unmask_service"),
        ("pin_package", "unpin_package"),
        ("remount_read_only", "remount_read_write"),
    )
    for one, other in (pair, pair[::-1])
}


async def request_undo(app: Parts, account: Account, run_id: str, *, clock: Clock = server_clock) -> str:
    """Asks for the undoing of a run that has ended, in a person's name; gives the new run's id.

    Raises E_NOT_FOUND, E_FORBIDDEN, E_REQUESTER_UNKNOWN, and E_CONFLICT while it goes on or when it cannot be undone.
    """
    organisation_id = account.organisation_id
    async with app.store.transaction(Scope(organisation_id)) as tx:
        run = await rows.read(tx, organisation_id, run_id)
        authorise(account, "request_run", Object("device", organisation_id, run.device_id))
        roster = await rows.newest_roster(tx, organisation_id)
        if roster.person(account.name) is None:
            raise Refused("E_REQUESTER_UNKNOWN", f"{account.name} is not on roster {roster.version}")
        if run.state != "succeeded" or run.plan_text is None:
            raise Refused("E_CONFLICT", f"the run is {run.state}: only what was carried out whole can be undone so")
        steps = opposite(run.plan_text)
        ticket_id = run.ticket_id
        if ticket_id is not None:
            try:
                await require_ticket(tx, organisation_id, ticket_id, run.device_id)
            except Refused:
                ticket_id = None  # it is closed: the undoing stands for itself
        made = await insert_run(
            tx,
            organisation_id,
            device_id=run.device_id,
            ticket_id=ticket_id,
            playbook=run.playbook if run.playbook.startswith(PREFIX) else PREFIX + run.playbook,
            requester=account.name,
            steps=steps,
            at=clock(),
        )
        assert made is not None  # only the server's own proposals are one at a time
        return made


def opposite(plan_text: bytes) -> list[Step]:
    """The steps that undo those of a plan, the last first. Raises E_CONFLICT naming the action that has no opposite."""
    steps = [_opposite(step) for step in reversed(read_plan(plan_text).steps) if step.action]
    if not steps:
        raise Refused("E_CONFLICT", "the run only looked; nothing is to be undone")
    return steps


def can_be_undone(plan_text: bytes | None) -> bool:
    """Whether there is such a plan at all."""
    try:
        return plan_text is not None and bool(opposite(plan_text))
    except Refused:
        return False


def _opposite(step: PlannedStep) -> Step:
    name = f"undo: {step.name}"[:80]
    if step.action in OPPOSITES:
        return Step(name=name, action=OPPOSITES[step.action], parameters=step.parameters)
    if step.action == "restore_file" and len(step.targets) == 1 and step.targets[0].before.startswith("sha256:"):
        parameters = {**step.parameters, "digest": step.targets[0].before}
        return Step(name=name, action="restore_file", parameters=parameters)
    package = step.parameters.get("package", "")
    before = next((one.before for one in step.subjects if (one.kind, one.name) == ("package", package)), "")
    if step.action in {"upgrade_package", "rollback_package"} and before[:1].isdigit():
        return Step(name=name, action="rollback_package", parameters={"package": package, "version": before})
    raise Refused(
        "E_CONFLICT", f"{step.action} cannot be undone by a plan", step.undo or "see what its plan says of it"
    )
