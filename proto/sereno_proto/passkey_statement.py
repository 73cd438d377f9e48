"""`sereno passkey v1`: a person says, with the key that approves for them now, that a new passkey is theirs too.

The approval page writes the text when it makes the passkey; the person signs it on their workstation in the namespace
sereno-passkey-v1. Without that, or a fingerprint that was compared, no passkey enters a roster: a server could have
made it. A statement is taken for a few days only, so that one of a passkey since lost does not bring it back.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sereno_proto import documents, sshsig
from sereno_proto.errors import BadInput, Refused
from sereno_proto.limits import PASSKEY_STATEMENT_DAYS, PERSON_NAME_PATTERN
from sereno_proto.passkeys import Passkey, parse_passkey
from sereno_proto.roster import Roster
from sereno_proto.signatures import signer

KIND: Final = documents.Kind("passkey", 1, ("organisation", "person", "passkey", "made"))
_ORGANISATION: Final = re.compile(r"org_[a-z0-9]{1,64}", re.ASCII)


@dataclass(frozen=True)
class PasskeyStatement:
    """Whose passkey it is said to be, and when it was made."""

    organisation_id: str
    person: str
    passkey: Passkey
    made: datetime


def write_statement(statement: PasskeyStatement) -> bytes:
    """Gives the document's bytes; raises E_DOCUMENT when a name makes no sense."""
    if _ORGANISATION.fullmatch(statement.organisation_id) is None:
        raise BadInput("E_DOCUMENT", f"'{statement.organisation_id[:40]}' is no organisation's id")
    if re.fullmatch(PERSON_NAME_PATTERN, statement.person, re.ASCII) is None:
        raise BadInput("E_DOCUMENT", f"'{statement.person[:40]}' cannot be a person's name")
    fields = {
        "organisation": statement.organisation_id,
        "person": statement.person,
        "passkey": statement.passkey.line,
        "made": documents.write_time(statement.made),
    }
    return documents.write(KIND, fields)


def read_statement(text: bytes) -> PasskeyStatement:
    """Reads the document. Says nothing about who signed it."""
    fields = documents.read(text, KIND)
    statement = PasskeyStatement(
        organisation_id=fields["organisation"],
        person=fields["person"],
        passkey=parse_passkey(fields["passkey"]),
        made=documents.read_time(fields["made"]),
    )
    if write_statement(statement) != text:
        raise BadInput("E_DOCUMENT", "the statement is not written in the usual order")
    return statement


def verify_statement(text: bytes, armored: str, roster: Roster, now: datetime) -> PasskeyStatement:
    """Gives the statement when the person it names signed it with an approve key that the roster has already.

    Raises E_PASSKEY_UNCONFIRMED (another person signed, another organisation, too old or of the future), and what
    `signatures.signer` raises.
    """
    statement = read_statement(text)
    if statement.organisation_id != roster.organisation_id:
        raise Refused("E_PASSKEY_UNCONFIRMED", f"the statement is for {statement.organisation_id}")
    person, _ = signer(text, armored, sshsig.PASSKEY_NAMESPACE, roster, "approve")
    if person.name != statement.person:
        raise Refused("E_PASSKEY_UNCONFIRMED", f"{person.name} signed a statement about {statement.person}")
    if not timedelta(0) <= now - statement.made + timedelta(minutes=10) <= timedelta(days=PASSKEY_STATEMENT_DAYS):
        raise Refused("E_PASSKEY_UNCONFIRMED", f"the passkey was made {documents.write_time(statement.made)}")
    return statement
