"""Runs under a grant made in advance: whether this device takes it, and the plan it makes within the grant's limits.

Everything that a plan of the same steps would have to pass holds here too; the dry run happens here, at the moment of
use, and nothing runs whose dry run exceeds what people signed.
"""

from datetime import datetime

from sereno_agent.executor.device import Device
from sereno_agent.executor.grant_store import HeldGrant
from sereno_agent.executor.issue import issue_plan, require_allowed
from sereno_agent.executor.pins import Pins
from sereno_diagnostics.compare import holds
from sereno_proto.approval import Approval, verify_grant
from sereno_proto.errors import BadInput, Refused
from sereno_proto.grants import TARGETS_MAX, Grant
from sereno_proto.limits import SIGNATURES_MAX
from sereno_proto.plan import Plan
from sereno_proto.planned_step import RISKS, PlannedStep, Require, highest, require_text
from sereno_proto.v1.runs_pb2 import MakePlan, Requirement, Step


def judge_grant(device: Device, pins: Pins, held: HeldGrant, now: datetime) -> Approval:
    """Gives who signed when this device takes the grant now, by its own roster, registry and policy; else raises."""
    device.refuse_lockdown()
    policy = device.policy()
    grant = held.grant
    if grant.organisation_id != device.organisation_id or not grant.names(device.id):
        raise Refused("E_GRANT_DEVICE", f"{grant.id} does not name {device.id}")
    risk = _own_risk(device, grant)
    if len(held.signatures) > SIGNATURES_MAX:
        raise BadInput("E_LIMIT", f"at most {SIGNATURES_MAX} signatures are looked at")
    approval = verify_grant(grant, held.text, held.signatures, pins.roster(now), now, risk=risk)
    for step in grant.steps:
        if step.action:
            require_allowed(policy, step.action)
            if device.catalogue.action_code(step.action) != step.code:
                raise Refused("E_ACTION_CODE", f"the code of {step.action} is not the one that the grant names")
    return approval


def require_triggers(device: Device, grant: Grant) -> None:
    """Raises E_GRANT_TRIGGER unless every trigger holds on this device at this moment."""
    for trigger in grant.triggers:
        result = device.workers.run_check_sync(
            trigger.check, trigger.parameters, policy_path=device.policy_path, state=device.folders.state
        )
        if not holds(list(result.findings), trigger.figure, trigger.comparison, trigger.value):
            raise Refused("E_GRANT_TRIGGER", f"{require_text(trigger)} does not hold")


def plan_within(device: Device, pins: Pins, grant: Grant, run_id: str, now: datetime) -> tuple[Plan, bytes]:
    """The plan that this device makes under the grant; raises E_BOUND when it would exceed the grant's limits."""
    wanted = MakePlan(
        run_id=run_id,
        ticket_id=grant.ticket_id,
        playbook=grant.playbook,
        steps=[_wish(step) for step in grant.steps],
        requester=grant.requester,
    )
    plan, text = issue_plan(device, wanted, device.policy(), pins.roster(now), now)
    for planned, granted in zip(plan.steps, grant.steps, strict=True):
        _require_within(planned, granted)
    return plan, text


def _own_risk(device: Device, grant: Grant) -> str:
    """The highest risk of the grant's actions by this device's registry; a text that states less is refused."""
    for step in grant.steps:
        own = device.catalogue.risk_of(step.action) if step.action else RISKS[0]
        if RISKS.index(step.risk) < RISKS.index(own):
            raise Refused("E_RISK_DOWNGRADED", f"the grant says {step.risk} risk of {step.action}, it has {own} risk")
    return highest(tuple(device.catalogue.risk_of(step.action) for step in grant.steps if step.action))


def _require_within(planned: PlannedStep, granted: PlannedStep) -> None:
    if not planned.action:
        return
    touched = len(planned.targets) + len(planned.subjects)
    if touched > granted.bounds[TARGETS_MAX]:
        raise Refused("E_BOUND", f"{planned.action} would change {touched} things, the grant allows fewer")
    for name, value in planned.bounds.items():
        if value > granted.bounds.get(name, -1):
            raise Refused("E_BOUND", f"{planned.action} needs {name} {value}, more than the grant allows")


def _wish(step: PlannedStep) -> Step:
    return Step(
        name=step.name,
        check=step.check,
        action=step.action,
        parameters=step.parameters,
        require=[_requirement(one) for one in step.require],
        when=[_requirement(one) for one in step.when],
        on_failure=step.on_failure,
    )


def _requirement(require: Require) -> Requirement:
    return Requirement(
        check=require.check,
        parameters=require.parameters,
        figure=require.figure,
        comparison=require.comparison,
        value=require.value,
        within_s=require.within_s,
    )
