"""The roster: persons, their keys and roles, and how many must approve what. Signed by the root, pinned by devices."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sereno_proto import documents, sshsig
from sereno_proto.errors import BadInput, Refused, SerenoError
from sereno_proto.ids import organisation_id
from sereno_proto.keys import PublicKey, parse_public
from sereno_proto.limits import (
    APPROVALS_MAX,
    KEYS_PER_PERSON_MAX,
    PERSON_NAME_PATTERN,
    PERSONS_MAX,
    ROSTER_DAYS_MAX,
)
from sereno_proto.passkeys import Passkey, is_passkey, parse_passkey
from sereno_proto.planned_step import RISKS
from sereno_proto.root import require_root_keys
from sereno_proto.root_chain import SignedRoot, follow

PURPOSES: Final = ("session", "approve", "registrar")
ROLES: Final = ("technician", "approver", "administrator")
ROLES_APPROVING: Final = frozenset({"approver", "administrator"})
NOBODY: Final = "server"  # the requester of what the server proposes by itself; never a person

KIND: Final = documents.Kind(
    "roster",
    1,
    ("organisation", "version", "issued", "expires", *(f"approvals.{risk}" for risk in RISKS)),
    patterned=(r"person\.[1-9][0-9]{0,2}\.(name|display|role|key\.[1-9][0-9]?)",),
)
_THRESHOLD: Final = re.compile(r"([1-9]) (self|other|others)( with touch)?", re.ASCII)


@dataclass(frozen=True)
class RosterKey:
    """A key with its one purpose. `approve` signs plans, as requester or as approver; the role decides which."""

    purpose: str
    public_key: PublicKey | Passkey


@dataclass(frozen=True)
class Person:
    """Someone who may ask or approve. Distinct means persons, not keys."""

    name: str
    display: str
    role: str
    keys: tuple[RosterKey, ...]

    @property
    def may_approve(self) -> bool:
        """Whether the role lets this person approve what another asked for."""
        return self.role in ROLES_APPROVING


@dataclass(frozen=True)
class Threshold:
    """How many persons approve a risk, whether the requester may be one, whether their keys must ask for a touch."""

    persons: int
    requester_counts: bool = False
    touch: bool = False

    def __str__(self) -> str:
        """`1 self`, `1 other`, `2 others with touch`."""
        who = "self" if self.requester_counts else "other" if self.persons == 1 else "others"
        return f"{self.persons} {who}{' with touch' if self.touch else ''}"


DEFAULT_THRESHOLDS: Final = {
    "low": Threshold(1, requester_counts=True),
    "medium": Threshold(1),
    "high": Threshold(2, touch=True),
}


@dataclass(frozen=True)
class Roster:
    """The roster as read from its text."""

    organisation_id: str
    version: int
    issued: datetime
    expires: datetime
    persons: tuple[Person, ...]
    thresholds: dict[str, Threshold]

    def person(self, name: str) -> Person | None:
        """The person of that name."""
        return next((person for person in self.persons if person.name == name), None)

    def holder(self, key: PublicKey) -> tuple[Person, RosterKey] | None:
        """The one person who holds the key, and the key with its purpose."""
        return next(
            ((person, held) for person in self.persons for held in person.keys if held.public_key == key),
            None,
        )

    def holder_of_credential(self, credential_id: bytes) -> tuple[Person, RosterKey] | None:
        """The one person whose passkey has this id, and the key with its purpose."""
        return next(
            (
                (person, held)
                for person in self.persons
                for held in person.keys
                if isinstance(held.public_key, Passkey) and held.public_key.credential_id == credential_id
            ),
            None,
        )


def write_roster(roster: Roster) -> bytes:
    """Gives the document's bytes; raises BadInput with E_ROSTER_INVALID when the roster makes no sense."""
    _check(roster)
    fields = {
        "organisation": roster.organisation_id,
        "version": str(roster.version),
        "issued": documents.write_time(roster.issued),
        "expires": documents.write_time(roster.expires),
    }
    fields |= {f"approvals.{risk}": str(roster.thresholds[risk]) for risk in RISKS}
    for number, person in enumerate(roster.persons, 1):
        prefix = f"person.{number}"
        fields |= {f"{prefix}.name": person.name, f"{prefix}.display": person.display, f"{prefix}.role": person.role}
        for index, key in enumerate(person.keys, 1):
            fields[f"{prefix}.key.{index}"] = f"{key.purpose} {key.public_key.line}"
    return documents.write(KIND, fields)


def read_roster(text: bytes) -> Roster:
    """Reads the document. Says nothing about its signatures or whether it has expired."""
    fields = documents.read(text, KIND)
    numbers = dict.fromkeys(key.split(".")[1] for key in fields if key.startswith("person."))
    roster = Roster(
        organisation_id=fields["organisation"],
        version=documents.read_integer(fields["version"]),
        issued=documents.read_time(fields["issued"]),
        expires=documents.read_time(fields["expires"]),
        persons=tuple(_read_person(fields, f"person.{number}") for number in numbers),
        thresholds={risk: _read_threshold(fields[f"approvals.{risk}"]) for risk in RISKS},
    )
    if write_roster(roster) != text:
        raise BadInput("E_DOCUMENT", "the roster is not written in the usual order")
    return roster


def verify_roster(
    root_text: bytes,
    roster_text: bytes,
    signatures: Sequence[str],
    now: datetime,
    later: Sequence[SignedRoot] = (),
) -> Roster:
    """Gives the roster when the root signed it and it has not expired. root_text: the organisation's first root.

    later: the roots that came after it, each signed by the one before; the newest must have signed the roster.

    Raises E_ROSTER_UNSIGNED, E_ROOT_THRESHOLD, E_ROOT_CHAIN, E_ROOT_KEY, E_ROSTER_ORGANISATION, E_ROSTER_EXPIRED, or
    what reading raises.
    """
    roster = read_roster(roster_text)
    if not signatures:
        raise Refused("E_ROSTER_UNSIGNED", "the roster carries no signature")
    root = follow(root_text, later)
    try:
        require_root_keys(root, roster_text, signatures, sshsig.ROSTER_NAMESPACE)
    except SerenoError as error:
        if error.code == "E_ROOT_KEY":
            raise Refused("E_ROSTER_UNSIGNED", error.what) from error
        raise
    if roster.organisation_id != organisation_id(root_text):
        raise Refused("E_ROSTER_ORGANISATION", f"the roster is of {roster.organisation_id[:40]}")
    require_current(roster, now)
    return roster


def require_current(roster: Roster, now: datetime) -> None:
    """Raises E_ROSTER_EXPIRED from the moment of expiry on."""
    if now >= roster.expires:
        raise Refused("E_ROSTER_EXPIRED", f"the roster expired at {documents.write_time(roster.expires)}")


def _read_person(fields: dict[str, str], prefix: str) -> Person:
    for part in ("name", "display", "role"):
        if f"{prefix}.{part}" not in fields:
            raise BadInput("E_FIELD_MISSING", f"'{prefix}.{part}' is missing")
    keys = [value for key, value in fields.items() if key.startswith(f"{prefix}.key.")]
    return Person(
        name=fields[f"{prefix}.name"],
        display=fields[f"{prefix}.display"],
        role=fields[f"{prefix}.role"],
        keys=tuple(_read_key(value) for value in keys),
    )


def _read_key(value: str) -> RosterKey:
    purpose, _, line = value.partition(" ")
    return RosterKey(purpose, parse_passkey(line) if is_passkey(line) else parse_public(line))


def _read_threshold(value: str) -> Threshold:
    match = _THRESHOLD.fullmatch(value)
    if match is None:
        raise BadInput("E_ROSTER_INVALID", f"'{value[:40]}' is not such as '1 self' or '2 others with touch'")
    return Threshold(int(match[1]), match[2] == "self", match[3] is not None)


def _check(roster: Roster) -> None:
    if roster.version < 1:
        raise BadInput("E_ROSTER_INVALID", "the first roster has version 1")
    if not timedelta(0) < roster.expires - roster.issued <= timedelta(days=ROSTER_DAYS_MAX):
        raise BadInput("E_ROSTER_INVALID", f"a roster is valid for at most {ROSTER_DAYS_MAX} days")
    if not 1 <= len(roster.persons) <= PERSONS_MAX:
        raise BadInput("E_ROSTER_INVALID", f"a roster has 1 to {PERSONS_MAX} persons")
    for risk in RISKS:
        if risk not in roster.thresholds or not 1 <= roster.thresholds[risk].persons <= APPROVALS_MAX:
            raise BadInput("E_ROSTER_INVALID", f"{risk} risk needs 1 to {APPROVALS_MAX} approvals")
    names = [person.name for person in roster.persons]
    keys = [key.public_key for person in roster.persons for key in person.keys]
    blobs = [key.blob for key in keys]
    credentials = [key.credential_id for key in keys if isinstance(key, Passkey)]
    if len(set(names)) != len(names):
        raise BadInput("E_ROSTER_INVALID", "two persons have the same name")
    if len(set(blobs)) != len(blobs) or len(set(credentials)) != len(credentials):
        raise BadInput("E_ROSTER_INVALID", "a key belongs to one person and has one purpose")
    for person in roster.persons:
        _check_person(person)


def _check_person(person: Person) -> None:
    if person.name == NOBODY or re.fullmatch(PERSON_NAME_PATTERN, person.name, re.ASCII) is None:
        raise BadInput("E_ROSTER_INVALID", f"'{person.name[:40]}' cannot be a person's name")
    if person.role not in ROLES:
        raise BadInput("E_ROSTER_INVALID", f"'{person.role[:40]}' is not one of {', '.join(ROLES)}")
    if len(person.keys) > KEYS_PER_PERSON_MAX:
        raise BadInput("E_ROSTER_INVALID", f"a person has at most {KEYS_PER_PERSON_MAX} keys")
    for key in person.keys:
        if key.purpose not in PURPOSES:
            raise BadInput("E_ROSTER_INVALID", f"'{key.purpose[:40]}' is not one of {', '.join(PURPOSES)}")
        if isinstance(key.public_key, Passkey) and key.purpose == "registrar":
            raise BadInput("E_ROSTER_INVALID", "a passkey signs on a page; a registrar's key is an SSH key")
