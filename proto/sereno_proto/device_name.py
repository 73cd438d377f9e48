"""The statement that binds a name to a device: a registrar signs it after comparing the id with the machine's own.

A server that says `db-01` and means another machine is found out by whoever checks this; a name without it is shown as
not verified. The newest statement of an organisation counts for a device.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sereno_proto import documents, sshsig
from sereno_proto.errors import BadInput, Refused
from sereno_proto.limits import DEVICE_NAME_PATTERN
from sereno_proto.planned_step import fit
from sereno_proto.roster import Person, Roster, require_current
from sereno_proto.signatures import signer

KIND: Final = documents.Kind("device-name", 1, ("organisation", "device", "name", "issued"))
_ID: Final = re.compile(r"[a-z]{3}_[a-z0-9]{1,64}", re.ASCII)


@dataclass(frozen=True)
class DeviceName:
    """This device, by its key's digest, is called so."""

    organisation_id: str
    device_id: str
    name: str
    issued: datetime


def write_device_name(statement: DeviceName) -> bytes:
    """Gives the document's bytes; raises BadInput when it makes no sense."""
    fit(_ID, statement.organisation_id)
    fit(_ID, statement.device_id)
    fit(re.compile(DEVICE_NAME_PATTERN, re.ASCII), statement.name)
    return documents.write(
        KIND,
        {
            "organisation": statement.organisation_id,
            "device": statement.device_id,
            "name": statement.name,
            "issued": documents.write_time(statement.issued),
        },
    )


def read_device_name(text: bytes) -> DeviceName:
    """Reads the document. Says nothing about who signed it."""
    fields = documents.read(text, KIND)
    issued = documents.read_time(fields["issued"])
    statement = DeviceName(fields["organisation"], fields["device"], fields["name"], issued)
    if write_device_name(statement) != text:
        raise BadInput("E_DOCUMENT", "the statement is not written in the usual order")
    return statement


def verify_device_name(text: bytes, armored: str, roster: Roster, now: datetime) -> tuple[DeviceName, Person]:
    """Gives the statement and the registrar on the roster who signed it.

    Raises E_ROSTER_ORGANISATION, E_ROSTER_EXPIRED, E_KEY_UNKNOWN, E_KEY_PURPOSE and what reading and sshsig raise.
    """
    require_current(roster, now)
    statement = read_device_name(text)
    if statement.organisation_id != roster.organisation_id:
        raise Refused("E_ROSTER_ORGANISATION", "statement and roster are of different organisations")
    person, _ = signer(text, armored, sshsig.NAME_NAMESPACE, roster, "registrar")
    return statement, person
