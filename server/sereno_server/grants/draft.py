"""Drafting a grant: the text that people then read and sign, made of a playbook, devices and limits.

The draft is the server's; the signatures are not. Clients show the text itself, and every device compares the code, the
limits and its own policy with it before anything runs.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import insert, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_diagnostics import registry as checks
from sereno_diagnostics.parameters import bind
from sereno_playbooks import registry
from sereno_proto.errors import BadInput, Refused
from sereno_proto.grants import BOUNDS, KINDS, STANDING, TARGETS_MAX, Grant, GrantedDevice, next_higher, write_grant
from sereno_proto.ids import new_id, sha256
from sereno_proto.planned_step import PlannedStep, Require, highest, read_require
from sereno_proto.v1.runs_pb2 import Requirement, Step
from sereno_server.access.account import Account
from sereno_server.access.authorise import Object, authorise
from sereno_server.app import now as server_clock
from sereno_server.audit.ledger import record
from sereno_server.grants import rows as grant_rows
from sereno_server.runs import rows
from sereno_server.runs.parts import Clock, Parts
from sereno_server.runs.playbooks import compile_playbook
from sereno_server.store.engine import Scope
from sereno_server.store.tables import devices, grant_devices, grants, tickets

TARGETS_MAX_DEFAULT: Final = 50


@dataclass(frozen=True)
class Wish:
    """What a person asks for. devices: names or ids. limits: `ACTION.LIMIT` or `LIMIT` (of every action) -> number."""

    kind: str
    playbook: str
    devices: Sequence[str]
    parameters: Mapping[str, str] = field(default_factory=dict)
    limits: Mapping[str, int] = field(default_factory=dict)
    ticket_id: str | None = None
    not_before: datetime | None = None
    hours: float = 48.0
    uses: int = 1
    pause_s: int = 0
    triggers: Sequence[str] = ()  # `disk_space(folder=app-logs).free_percent < 10`


async def draft_grant(app: Parts, account: Account, wish: Wish, *, clock: Clock = server_clock) -> str:
    """Writes a grant that waits for signatures, and gives its id.

    Raises E_NOT_FOUND (device, ticket), E_FORBIDDEN, E_REQUESTER_UNKNOWN, E_PLAYBOOK_UNKNOWN, E_PARAMETER,
    E_GRANT_RISK, and E_DOCUMENT or E_LIMIT when it makes no sense.
    """
    organisation_id, now = account.organisation_id, clock()
    authorise(account, "request_run", Object("grant", organisation_id))
    if wish.kind not in KINDS:
        raise BadInput("E_PARAMETER", f"a grant is {' or '.join(KINDS)}")
    async with app.store.transaction(Scope(organisation_id)) as tx:
        roster = await rows.newest_roster(tx, organisation_id)
        if roster.person(account.name) is None:
            raise Refused("E_REQUESTER_UNKNOWN", f"{account.name} is not on roster {roster.version}")
        named = await _devices(tx, organisation_id, wish.devices)
        ticket_id = await _ticket(tx, organisation_id, wish.ticket_id)
        steps = _steps(compile_playbook(wish.playbook, wish.parameters), wish.limits)
        begin = (wish.not_before or now).replace(microsecond=0)
        grant = Grant(
            kind=wish.kind,
            id=new_id("grt"),
            nonce=secrets.token_hex(16),
            organisation_id=organisation_id,
            requester=account.name,
            playbook=wish.playbook,
            ticket_id=ticket_id or "",
            risk=highest(tuple(step.risk for step in steps)),
            roster_version_min=roster.version,
            not_before=begin,
            expires=begin + timedelta(seconds=round(wish.hours * 3600)),
            devices=named,
            steps=steps,
            uses=wish.uses if wish.kind == STANDING else 1,
            pause_s=wish.pause_s if wish.kind == STANDING else 0,
            triggers=tuple(_trigger(one) for one in wish.triggers),
        )
        if next_higher(grant.risk) is None:
            raise Refused("E_GRANT_RISK", f"{wish.playbook} has {grant.risk} risk")
        await _insert(tx, grant, ticket_id, now)
    return grant.id


def _trigger(text: str) -> Require:
    """Raises E_PARAMETER where no device could ever find it true: no such check, parameter or figure."""
    try:
        trigger = read_require(text)
    except BadInput as error:
        what = f"'{text[:60]}' is no trigger"
        raise BadInput("E_PARAMETER", what, "say such as: disk_space(folder=app-logs).free_percent < 10") from error
    check = checks.get(trigger.check)
    bind(trigger.check, check.PARAMETERS, trigger.parameters)
    if trigger.figure not in check.FIGURES:
        known = ", ".join(check.FIGURES)
        raise BadInput("E_PARAMETER", f"{trigger.check} has no figure {trigger.figure}", f"it has {known}")
    return trigger


async def _insert(tx: AsyncConnection, grant: Grant, ticket_id: str | None, now: datetime) -> None:
    text = write_grant(grant)
    of = {"organisation_id": grant.organisation_id}
    await tx.execute(
        insert(grants).values(
            **of,
            id=grant.id,
            kind=grant.kind,
            playbook=grant.playbook,
            requester=grant.requester,
            ticket_id=ticket_id,
            risk=grant.risk,
            state="waiting",
            text=text,
            digest=sha256(text),
            not_before=grant.not_before,
            expires=grant.expires,
            created_at=now,
        )
    )
    places = [
        {**of, "grant_id": grant.id, "device_id": one.id, "run_id": new_id("run"), "state": "waiting"}
        for one in grant.devices
    ]
    await tx.execute(insert(grant_devices), places)
    payload = {"kind": grant.kind, "playbook": grant.playbook, "devices": [one.id for one in grant.devices]}
    await record(tx, grant.organisation_id, grant.requester, "grant.request", grant.id, payload)
    row = await grant_rows.read(tx, grant.organisation_id, grant.id)
    await grant_rows.announce(tx, row)
    what = "on devices that are offline" if grant.kind == BOUNDS else "whenever its trigger holds"
    said = f"{grant.requester} asks for {grant.playbook} in advance, {what}"
    await grant_rows.tell_ticket(tx, row, at=now, kind="requested", text=said, actor=grant.requester)


async def _devices(tx: AsyncConnection, organisation_id: str, asked: Sequence[str]) -> tuple[GrantedDevice, ...]:
    """The devices by name or id, in the order of the wish; E_NOT_FOUND names the first that there is none of."""
    result = await tx.execute(
        select(devices.c.id, devices.c.name).where(
            devices.c.organisation_id == organisation_id,
            devices.c.revoked_at.is_(None),
            or_(devices.c.id.in_(list(asked)), devices.c.name.in_(list(asked))),
        )
    )
    found = {key: GrantedDevice(row.id, row.name) for row in result for key in (row.id, row.name)}
    for one in asked:
        if one not in found:
            raise Refused("E_NOT_FOUND", f"no device {one[:80]}")
    return tuple(dict.fromkeys(found[one] for one in asked))


async def _ticket(tx: AsyncConnection, organisation_id: str, ticket_id: str | None) -> str | None:
    if ticket_id is None:
        return None
    known = await tx.scalar(
        select(tickets.c.id).where(tickets.c.organisation_id == organisation_id, tickets.c.id == ticket_id)
    )
    if known is None:
        raise Refused("E_NOT_FOUND", f"no ticket {ticket_id[:80]}")
    return ticket_id


def _steps(steps: Sequence[Step], limits: Mapping[str, int]) -> tuple[PlannedStep, ...]:
    named = {step.action for step in steps if step.action}
    for name in limits:
        action, dot, _ = name.rpartition(".")
        if dot and action not in named:
            raise BadInput("E_PARAMETER", f"the playbook has no action {action[:80]!r} to limit")
    return tuple(_step(step, limits) for step in steps)


def _step(step: Step, limits: Mapping[str, int]) -> PlannedStep:
    bounds: dict[str, int] = {}
    if step.action:
        bounds = {TARGETS_MAX: TARGETS_MAX_DEFAULT} | registry.limits_of(step.action)
        for name, value in limits.items():
            action, _, limit = name.rpartition(".")
            if action in {"", step.action}:
                bounds[limit] = value
    return PlannedStep(
        name=step.name,
        parameters=dict(step.parameters),
        action=step.action,
        check=step.check,
        code=registry.action_code(step.action) if step.action else "",
        risk=registry.risk_of(step.action) if step.action else "low",
        on_failure=step.on_failure or "undo",
        bounds=bounds,
        require=tuple(_require(one) for one in step.require),
        when=tuple(_require(one) for one in step.when),
    )


def _require(asked: Requirement) -> Require:
    return Require(asked.check, dict(asked.parameters), asked.figure, asked.comparison, asked.value, asked.within_s)
