"""The join code a customer pastes, and the statement with which a machine asks to join."""

import base64
import binascii
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sereno_proto import documents
from sereno_proto.errors import BadInput, SerenoError
from sereno_proto.limits import DEVICE_NAME_PATTERN, JOIN_CODE_CHARS_MAX

PREFIX: Final = "sereno-join."
KIND: Final = documents.Kind("join-code", 1, ("enroll", "ca", "root", "roster-version-min", "token", "expires"))
STATEMENT_KIND: Final = documents.Kind("join", 1, ("device", "name", "token", "csr"))
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)
_ADDRESS: Final = re.compile(r"(\[[0-9a-f:]+\]|[A-Za-z0-9._-]+):[1-9][0-9]{0,4}", re.ASCII)
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{16,128}", re.ASCII)


@dataclass(frozen=True)
class JoinCode:
    """Where to join, and what the machine must meet there before it trusts it."""

    enroll_address: str  # host:port
    ca_fingerprint: str  # sha256:… of the CA certificate's DER
    root_digest: str  # sha256:… of the root document
    roster_version_min: int
    token: str  # one time
    expires: datetime


@dataclass(frozen=True)
class JoinStatement:
    """`sereno join v1`, signed by the new identity key in the namespace sereno-join-v1."""

    device_id: str
    name: str
    token_digest: str  # sha256:… of the token, so that the signature cannot serve another join
    csr_digest: str  # sha256:… of the request's DER


def write(code: JoinCode) -> str:
    """Gives one word to copy: `sereno-join.` and base64url."""
    _check(code)
    text = documents.write(
        KIND,
        {
            "enroll": code.enroll_address,
            "ca": code.ca_fingerprint,
            "root": code.root_digest,
            "roster-version-min": str(code.roster_version_min),
            "token": code.token,
            "expires": documents.write_time(code.expires),
        },
    )
    word = PREFIX + base64.urlsafe_b64encode(text).decode().rstrip("=")
    if len(word) > JOIN_CODE_CHARS_MAX:
        raise BadInput("E_JOIN_CODE", f"a join code has at most {JOIN_CODE_CHARS_MAX} characters")
    return word


def read(word: str) -> JoinCode:
    """Reads a join code; raises E_JOIN_CODE for anything else. Whether it has expired is the server's to say."""
    word = "".join(word.split())  # terminals and mails break long words
    if not word.startswith(PREFIX) or len(word) > JOIN_CODE_CHARS_MAX:
        raise BadInput("E_JOIN_CODE", f"a join code starts with '{PREFIX}'")
    encoded = word.removeprefix(PREFIX)
    try:
        text = base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True)
        fields = documents.read(text, KIND)
        code = JoinCode(
            enroll_address=fields["enroll"],
            ca_fingerprint=fields["ca"],
            root_digest=fields["root"],
            roster_version_min=documents.read_integer(fields["roster-version-min"]),
            token=fields["token"],
            expires=documents.read_time(fields["expires"]),
        )
    except (binascii.Error, ValueError, SerenoError) as error:
        raise BadInput("E_JOIN_CODE", "the join code is damaged or incomplete") from error
    if write(code) != word:
        raise BadInput("E_JOIN_CODE", "the join code is not written in the usual order")
    return code


def write_statement(statement: JoinStatement) -> bytes:
    """Gives the statement's bytes, to be signed as they are."""
    _check_statement(statement)
    return documents.write(
        STATEMENT_KIND,
        {
            "device": statement.device_id,
            "name": statement.name,
            "token": statement.token_digest,
            "csr": statement.csr_digest,
        },
    )


def read_statement(text: bytes) -> JoinStatement:
    """Reads the statement. Its signature, and that its digests fit the request, are the caller's to check."""
    fields = documents.read(text, STATEMENT_KIND)
    statement = JoinStatement(fields["device"], fields["name"], fields["token"], fields["csr"])
    if write_statement(statement) != text:
        raise BadInput("E_DOCUMENT", "the statement is not written in the usual order")
    return statement


def _check(code: JoinCode) -> None:
    for value in (code.ca_fingerprint, code.root_digest):
        if _DIGEST.fullmatch(value) is None:
            raise BadInput("E_JOIN_CODE", "a digest in the join code is not sha256:…")
    if _ADDRESS.fullmatch(code.enroll_address) is None:
        raise BadInput("E_JOIN_CODE", "the address in the join code is not host:port")
    if _TOKEN.fullmatch(code.token) is None:
        raise BadInput("E_JOIN_CODE", "the token in the join code is not 16 to 128 characters of base64url")


def _check_statement(statement: JoinStatement) -> None:
    if re.fullmatch(DEVICE_NAME_PATTERN, statement.name, re.ASCII) is None:
        raise BadInput("E_NAME", f"'{statement.name[:80]}' is not a device name")
    for value in (statement.token_digest, statement.csr_digest):
        if _DIGEST.fullmatch(value) is None:
            raise BadInput("E_DOCUMENT", "a digest is not sha256:…")
