"""Grants made in advance, where no plan can exist yet (DESIGN 4.7): signed by people who do not see what it will do.

**Bounds** let one run happen on each of some devices that are offline now, once each comes back within the window. A
**standing grant** lets a device help itself: whenever its trigger, which the device evaluates, holds, as often as its
uses allow, for seven days at most. Nobody has seen what either will do on a device, so its text says so, every action
in it has limits (`targets-max` and the action's own), and it takes the threshold of the next higher risk.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sereno_proto import documents, sshsig
from sereno_proto.errors import BadInput
from sereno_proto.limits import (
    DEVICE_NAME_PATTERN,
    GRANT_DAYS_MAX,
    GRANT_DEVICES_MAX,
    GRANT_PAUSE_S_MAX,
    GRANT_PAUSE_S_MIN,
    GRANT_TRIGGERS_MAX,
    GRANT_USES_MAX,
    PERSON_NAME_PATTERN,
    STEPS_MAX,
)
from sereno_proto.planned_step import (
    KEYS,
    RISKS,
    PlannedStep,
    Require,
    check_require,
    check_step,
    fit,
    one_of,
    read_require,
    read_steps,
    require_text,
    steps_fields,
)

BOUNDS: Final = "bounds"
STANDING: Final = "standing-grant"
TARGETS_MAX: Final = "targets-max"  # the limit that every action of a grant has: files and other things together
NAMESPACES: Final = {
    BOUNDS: {"request": sshsig.BOUNDS_REQUEST_NAMESPACE, "approve": sshsig.BOUNDS_APPROVE_NAMESPACE},
    STANDING: {"request": sshsig.STANDING_REQUEST_NAMESPACE, "approve": sshsig.STANDING_APPROVE_NAMESPACE},
}
_SEEN: Final = "no"
_FIELDS: Final = (
    *("grant", "nonce", "organisation", "playbook", "requester", "risk", "roster-version-min"),
    *("not-before", "expires", "seen-on-device"),
)
KINDS: Final = {
    BOUNDS: documents.Kind(BOUNDS, 1, _FIELDS, ("ticket",), (r"device\.[1-9][0-9]{0,2}", *KEYS)),
    STANDING: documents.Kind(
        STANDING, 1, (*_FIELDS, "uses", "pause"), ("ticket",), (r"(device|trigger)\.[1-9][0-9]{0,2}", *KEYS)
    ),
}

_ID: Final = re.compile(r"[a-z]{3}_[a-z0-9]{1,64}", re.ASCII)
_NONCE: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)
_PLAYBOOK: Final = re.compile(r"[a-z][a-z0-9_.]{0,94}", re.ASCII)
_NAME: Final = re.compile(DEVICE_NAME_PATTERN, re.ASCII)


@dataclass(frozen=True)
class GrantedDevice:
    """A device that a grant names, by the id that is its key's digest; the name is for people."""

    id: str
    name: str


@dataclass(frozen=True)
class Grant:
    """Bounds or a standing grant. Its steps hold actions with code and limits, and checks; no targets, no dry run."""

    kind: str
    id: str  # grt_...
    nonce: str
    organisation_id: str
    requester: str  # a person on the roster, or "server"
    playbook: str
    ticket_id: str  # or ""
    risk: str
    roster_version_min: int
    not_before: datetime
    expires: datetime
    devices: tuple[GrantedDevice, ...]
    steps: tuple[PlannedStep, ...]
    uses: int = 1  # on each device
    pause_s: int = 0  # between two uses on a device
    triggers: tuple[Require, ...] = ()  # all must hold, on the device, at the moment of use

    def names(self, device_id: str) -> bool:
        """Whether the grant is for that device."""
        return any(device.id == device_id for device in self.devices)


def write_grant(grant: Grant) -> bytes:
    """Gives the document's bytes; raises BadInput when the grant makes no sense or does not fit."""
    _check(grant)
    fields = {
        "grant": grant.id,
        "nonce": grant.nonce,
        "organisation": grant.organisation_id,
        "playbook": grant.playbook,
        "requester": grant.requester,
        "risk": grant.risk,
        "roster-version-min": str(grant.roster_version_min),
        "not-before": documents.write_time(grant.not_before),
        "expires": documents.write_time(grant.expires),
        "seen-on-device": _SEEN,
    }
    if grant.ticket_id:
        fields["ticket"] = grant.ticket_id
    if grant.kind == STANDING:
        fields |= {"uses": str(grant.uses), "pause": str(grant.pause_s)}
    fields |= {f"device.{number}": f"{device.id} {device.name}" for number, device in enumerate(grant.devices, 1)}
    fields |= {f"trigger.{number}": require_text(trigger) for number, trigger in enumerate(grant.triggers, 1)}
    return documents.write(KINDS[grant.kind], fields | steps_fields(grant.steps))


def read_grant(text: bytes) -> Grant:
    """Reads either kind. Says nothing about who signed it or whether a device still takes it."""
    kind = next((kind for kind in KINDS.values() if documents.kind_of(text) == kind.first_line), None)
    if kind is None:
        raise BadInput("E_DOCUMENT_KIND", f"'{documents.kind_of(text)}' is no grant made in advance")
    fields = documents.read(text, kind)
    grant = Grant(
        kind=kind.name,
        id=fields["grant"],
        nonce=fields["nonce"],
        organisation_id=fields["organisation"],
        requester=fields["requester"],
        playbook=fields["playbook"],
        ticket_id=fields.get("ticket", ""),
        risk=fields["risk"],
        roster_version_min=documents.read_integer(fields["roster-version-min"]),
        not_before=documents.read_time(fields["not-before"]),
        expires=documents.read_time(fields["expires"]),
        devices=tuple(_read_device(value) for key, value in fields.items() if key.startswith("device.")),
        steps=read_steps(fields),
        uses=documents.read_integer(fields.get("uses", "1")),
        pause_s=documents.read_integer(fields.get("pause", "0")),
        triggers=tuple(read_require(value) for key, value in fields.items() if key.startswith("trigger.")),
    )
    if write_grant(grant) != text:
        raise BadInput("E_DOCUMENT", "the grant is not written in the usual order")
    return grant


def next_higher(risk: str) -> str | None:
    """The risk whose threshold a grant of this risk takes; None when there is no higher one, so that none is given."""
    place = RISKS.index(risk) + 1
    return RISKS[place] if place < len(RISKS) else None


def _read_device(value: str) -> GrantedDevice:
    device_id, _, name = value.partition(" ")
    return GrantedDevice(device_id, name)


def _check(grant: Grant) -> None:
    one_of(tuple(KINDS), grant.kind)
    for value in (grant.id, grant.organisation_id, grant.ticket_id or grant.id):
        fit(_ID, value)
    fit(_NONCE, grant.nonce)
    fit(_PLAYBOOK, grant.playbook)
    fit(re.compile(PERSON_NAME_PATTERN, re.ASCII), grant.requester)
    one_of(RISKS, grant.risk)
    if grant.roster_version_min < 1:
        raise BadInput("E_DOCUMENT", "a grant names the lowest roster version")
    if not timedelta(0) < grant.expires - grant.not_before <= timedelta(days=GRANT_DAYS_MAX):
        raise BadInput("E_DOCUMENT", f"a grant is valid for at most {GRANT_DAYS_MAX} days")
    if not 1 <= len(grant.steps) <= STEPS_MAX:
        raise BadInput("E_LIMIT", f"a grant has 1 to {STEPS_MAX} steps")
    for step in grant.steps:
        _check_step(step)
    _check_devices(grant.devices)
    _check_use(grant)


def _check_step(step: PlannedStep) -> None:
    check_step(step)
    if step.targets or step.subjects or step.diff:
        raise BadInput("E_DOCUMENT", "nobody has seen on a device what a grant will do, so it names no targets")
    if step.action and not step.bounds.get(TARGETS_MAX):
        raise BadInput("E_DOCUMENT", f"every action of a grant has the limit '{TARGETS_MAX}'")


def _check_devices(devices: tuple[GrantedDevice, ...]) -> None:
    if not 1 <= len(devices) <= GRANT_DEVICES_MAX:
        raise BadInput("E_LIMIT", f"a grant names 1 to {GRANT_DEVICES_MAX} devices")
    if len({device.id for device in devices}) != len(devices):
        raise BadInput("E_DOCUMENT", "a grant names a device once")
    for device in devices:
        fit(_ID, device.id)
        fit(_NAME, device.name)


def _check_use(grant: Grant) -> None:
    if grant.kind == BOUNDS:
        if (grant.uses, grant.pause_s, grant.triggers) != (1, 0, ()):
            raise BadInput("E_DOCUMENT", "bounds are used once a device, without a trigger")
        return
    if not 1 <= len(grant.triggers) <= GRANT_TRIGGERS_MAX:
        raise BadInput("E_DOCUMENT", f"a standing grant has 1 to {GRANT_TRIGGERS_MAX} triggers")
    if not 1 <= grant.uses <= GRANT_USES_MAX:
        raise BadInput("E_DOCUMENT", f"a standing grant is used 1 to {GRANT_USES_MAX} times")
    if not GRANT_PAUSE_S_MIN <= grant.pause_s <= GRANT_PAUSE_S_MAX:
        raise BadInput("E_DOCUMENT", f"between two uses lie {GRANT_PAUSE_S_MIN} to {GRANT_PAUSE_S_MAX} s")
    for trigger in grant.triggers:
        check_require(trigger)
        if trigger.within_s:
            raise BadInput("E_DOCUMENT", "a trigger holds now or it does not")
