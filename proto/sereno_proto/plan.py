"""The plan document: what a device will do, in the device's own words. The plan is the grant (DESIGN 4.6)."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sereno_proto import documents
from sereno_proto.errors import BadInput
from sereno_proto.limits import (
    DEVICE_NAME_PATTERN,
    PERSON_NAME_PATTERN,
    PLAN_VALID_S,
    STEPS_MAX,
)
from sereno_proto.planned_step import KEYS, RISKS, PlannedStep, check_step, fit, one_of, read_steps, steps_fields

KIND: Final = documents.Kind(
    "plan",
    1,
    (
        *("plan", "nonce", "device", "device-name", "organisation", "run", "playbook", "requester", "risk"),
        *("roster-version-min", "policy", "issued", "expires"),
    ),
    optional=("ticket",),
    patterned=KEYS,
)

_ID: Final = re.compile(r"[a-z]{3}_[a-z0-9]{1,64}", re.ASCII)
_NONCE: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)
_PLAYBOOK: Final = re.compile(r"[a-z][a-z0-9_.]{0,94}", re.ASCII)


@dataclass(frozen=True)
class Plan:
    """A plan. The exact bytes of its text, as the device wrote them once, are what is signed."""

    id: str  # pln_...
    nonce: str
    device_id: str
    device_name: str
    organisation_id: str
    run_id: str
    ticket_id: str  # or ""
    playbook: str
    requester: str  # a person on the roster, or "server"
    risk: str
    roster_version_min: int
    policy_digest: str
    issued: datetime
    expires: datetime
    steps: tuple[PlannedStep, ...]


def write_plan(plan: Plan) -> bytes:
    """Gives the document's bytes; raises BadInput when the plan makes no sense or does not fit."""
    _check(plan)
    fields = {
        "plan": plan.id,
        "nonce": plan.nonce,
        "device": plan.device_id,
        "device-name": plan.device_name,
        "organisation": plan.organisation_id,
        "run": plan.run_id,
    }
    if plan.ticket_id:
        fields["ticket"] = plan.ticket_id
    fields |= {
        "playbook": plan.playbook,
        "requester": plan.requester,
        "risk": plan.risk,
        "roster-version-min": str(plan.roster_version_min),
        "policy": plan.policy_digest,
        "issued": documents.write_time(plan.issued),
        "expires": documents.write_time(plan.expires),
    }
    fields |= steps_fields(plan.steps)
    return documents.write(KIND, fields)


def read_plan(text: bytes) -> Plan:
    """Reads the document. Says nothing about who signed it or whether a device still holds it."""
    fields = documents.read(text, KIND)
    plan = Plan(
        id=fields["plan"],
        nonce=fields["nonce"],
        device_id=fields["device"],
        device_name=fields["device-name"],
        organisation_id=fields["organisation"],
        run_id=fields["run"],
        ticket_id=fields.get("ticket", ""),
        playbook=fields["playbook"],
        requester=fields["requester"],
        risk=fields["risk"],
        roster_version_min=documents.read_integer(fields["roster-version-min"]),
        policy_digest=fields["policy"],
        issued=documents.read_time(fields["issued"]),
        expires=documents.read_time(fields["expires"]),
        steps=read_steps(fields),
    )
    if write_plan(plan) != text:
        raise BadInput("E_DOCUMENT", "the plan is not written in the usual order")
    return plan


def _check(plan: Plan) -> None:
    for value in (plan.id, plan.device_id, plan.organisation_id, plan.run_id, plan.ticket_id or plan.run_id):
        fit(_ID, value)
    fit(_NONCE, plan.nonce)
    fit(_DIGEST, plan.policy_digest)
    fit(_PLAYBOOK, plan.playbook)
    fit(re.compile(DEVICE_NAME_PATTERN, re.ASCII), plan.device_name)
    fit(re.compile(PERSON_NAME_PATTERN, re.ASCII), plan.requester)
    one_of(RISKS, plan.risk)
    if plan.roster_version_min < 1:
        raise BadInput("E_DOCUMENT", "a plan names the lowest roster version")
    if not timedelta(0) < plan.expires - plan.issued <= timedelta(seconds=PLAN_VALID_S):
        raise BadInput("E_DOCUMENT", f"a plan is valid for at most {PLAN_VALID_S} s")
    if not 1 <= len(plan.steps) <= STEPS_MAX:
        raise BadInput("E_LIMIT", f"a plan has 1 to {STEPS_MAX} steps")
    for step in plan.steps:
        check_step(step)
