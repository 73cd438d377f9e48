"""ExecutePlan: whether this device carries a plan out. Each refusal has its own code."""

from collections.abc import Callable
from datetime import datetime

from sereno_agent.executor.device import Device
from sereno_agent.executor.issue import require_allowed
from sereno_agent.executor.pins import Pins
from sereno_agent.executor.plan_store import PlanStore
from sereno_agent.policy import Policy
from sereno_proto.approval import Approval, verify_approval
from sereno_proto.documents import write_time
from sereno_proto.errors import BadInput, Refused
from sereno_proto.limits import SIGNATURES_MAX
from sereno_proto.plan import Plan, read_plan
from sereno_proto.planned_step import RISKS, highest
from sereno_proto.v1.runs_pb2 import ExecutePlan


def judge(
    device: Device, store: PlanStore, pins: Pins, wanted: ExecutePlan, now: Callable[[], datetime]
) -> tuple[Plan, Approval]:
    """Gives the plan and who approved it when everything holds, else raises. Changes nothing.

    Between this and the first step the caller marks the plan used.
    """
    device.refuse_lockdown()
    policy = device.policy()
    plan = read_plan(wanted.plan_text)
    _require_ours(device, plan)
    risk = _own_risk(device, plan)
    _require_held(store, plan, wanted.plan_text)
    moment = now()
    if moment >= plan.expires:
        raise Refused("E_PLAN_EXPIRED", f"the plan expired at {write_time(plan.expires)}")
    roster = pins.roster(moment)
    if len(wanted.signatures) > SIGNATURES_MAX:
        raise BadInput("E_LIMIT", f"at most {SIGNATURES_MAX} signatures are looked at")
    signatures = [(signature.purpose, signature.armored) for signature in wanted.signatures]
    approval = verify_approval(plan, wanted.plan_text, signatures, roster, moment, risk=risk)
    require_policy(policy, plan)
    _require_code(device, plan)
    _require_undrifted(device, plan)
    return plan, approval


def require_policy(policy: Policy, plan: Plan) -> None:
    """Raises E_POLICY_CHANGED or E_POLICY_FORBIDS unless the policy is the one that the plan was made under."""
    if policy.digest != plan.policy_digest:
        raise Refused("E_POLICY_CHANGED", "the policy is not the one that the plan was made under")
    for step in plan.steps:
        if step.action:
            require_allowed(policy, step.action)


def _require_ours(device: Device, plan: Plan) -> None:
    if plan.device_id != device.id:
        raise Refused("E_PLAN_DEVICE", f"the plan is of {plan.device_id}, this is {device.id}")
    if plan.organisation_id != device.organisation_id:
        raise Refused("E_PLAN_DEVICE", "the plan is of another organisation")


def _own_risk(device: Device, plan: Plan) -> str:
    """The highest risk of the plan's actions by this device's registry; a text that states less is refused."""
    for step in plan.steps:
        own = device.catalogue.risk_of(step.action) if step.action else RISKS[0]
        if RISKS.index(step.risk) < RISKS.index(own):
            raise Refused("E_RISK_DOWNGRADED", f"the plan says {step.risk} risk of {step.action}, it has {own} risk")
    risk = highest(tuple(device.catalogue.risk_of(step.action) for step in plan.steps if step.action))
    if RISKS.index(plan.risk) < RISKS.index(risk):
        raise Refused("E_RISK_DOWNGRADED", f"the plan says {plan.risk} risk, its actions have {risk} risk")
    return risk


def _require_held(store: PlanStore, plan: Plan, text: bytes) -> None:
    issued = store.find(plan.id)
    if issued is None:
        raise Refused("E_PLAN_UNKNOWN", f"this device does not hold {plan.id}")
    if issued.text != text:
        raise Refused("E_PLAN_CHANGED", f"{plan.id} is not the text that this device issued")
    if issued.used:
        raise Refused("E_PLAN_REPLAYED", f"{plan.id} was carried out before")


def _require_undrifted(device: Device, plan: Plan) -> None:
    """Looks at every target before the first step; each worker looks again at the moment of its change."""
    for step in plan.steps:
        if step.action:
            device.workers.verify_action(step, policy_path=device.policy_path, state=device.folders.state)


def _require_code(device: Device, plan: Plan) -> None:
    for step in plan.steps:
        if step.action and device.catalogue.action_code(step.action) != step.code:
            raise Refused("E_ACTION_CODE", f"the code of {step.action} is not the one that the plan names")
