"""MakePlan: a dry run of every step, and from it the plan document in this device's own words, signed by it."""

import secrets
from dataclasses import replace
from datetime import datetime, timedelta

from sereno_agent.executor.come_back import require_last
from sereno_agent.executor.device import Device
from sereno_agent.policy import Policy
from sereno_proto.errors import BadInput, Refused
from sereno_proto.ids import new_id
from sereno_proto.limits import STEPS_MAX
from sereno_proto.plan import Plan, write_plan
from sereno_proto.planned_step import PlannedStep, highest
from sereno_proto.roster import NOBODY, Roster
from sereno_proto.v1.runs_pb2 import MakePlan, Step


def issue_plan(device: Device, wanted: MakePlan, policy: Policy, roster: Roster, now: datetime) -> tuple[Plan, bytes]:
    """Gives the plan and its text. Nothing is held or signed yet, and nothing was changed.

    Raises E_REQUESTER_UNKNOWN, E_POLICY_FORBIDS, and whatever a dry run refuses.
    """
    if wanted.requester != NOBODY and roster.person(wanted.requester) is None:
        raise Refused("E_REQUESTER_UNKNOWN", f"'{wanted.requester[:60]}' is not on roster {roster.version}")
    if not 1 <= len(wanted.steps) <= STEPS_MAX:
        raise BadInput("E_LIMIT", f"a plan has 1 to {STEPS_MAX} steps")
    steps = tuple(_dry_run(device, step, policy) for step in wanted.steps)
    require_last(steps)
    if device.policy().digest != policy.digest:
        raise Refused("E_POLICY_CHANGED", "the policy changed during the dry run")
    issued = now.replace(microsecond=0)
    plan = Plan(
        id=new_id("pln", int(now.timestamp() * 1000)),
        nonce=secrets.token_hex(16),
        device_id=device.id,
        device_name=device.name,
        organisation_id=device.organisation_id,
        run_id=wanted.run_id,
        ticket_id=wanted.ticket_id,
        playbook=wanted.playbook,
        requester=wanted.requester,
        risk=highest(tuple(step.risk for step in steps)),
        roster_version_min=roster.version,
        policy_digest=policy.digest,
        issued=issued,
        expires=issued + timedelta(seconds=device.plan_valid_s),
        steps=steps,
    )
    return plan, write_plan(plan)


def _dry_run(device: Device, step: Step, policy: Policy) -> PlannedStep:
    """One step as it would be done. Risk and code come from this device's registry, whatever the worker says."""
    if bool(step.action) == bool(step.check):
        raise BadInput("E_PARAMETER", "a step is either an action or a check")
    if step.action:
        risk, code = device.catalogue.risk_of(step.action), device.catalogue.action_code(step.action)
        require_allowed(policy, step.action)
    planned = device.workers.plan_action(step, policy_path=device.policy_path, state=device.folders.state)
    if (planned.action, planned.check, planned.parameters) != (step.action, step.check, dict(step.parameters)):
        raise Refused("E_WORKER_FAILED", "the dry run answered for another step")
    return replace(planned, risk=risk, code=code) if step.action else replace(planned, risk="low", code="")


def require_allowed(policy: Policy, action: str) -> None:
    """Raises E_POLICY_FORBIDS unless the machine's owner allows the action."""
    if action not in policy.actions:
        raise Refused("E_POLICY_FORBIDS", f"the policy does not allow {action}")
