"""`sereno denial v1`: a person on the roster says no to one text, and why. Nothing is changed by it on a device.

A phone that is signed in nowhere can say no with it as easily as yes: the text is signed like an approval, in the
namespace sereno-deny-v1, by a key that approves. It names the digest of the very text that was denied.
"""

import re
from dataclasses import dataclass
from typing import Final

from sereno_proto import documents
from sereno_proto.errors import BadInput
from sereno_proto.limits import DENIAL_REASON_CHARS_MAX

KIND: Final = documents.Kind("denial", 1, ("document", "organisation", "of", "reason"))
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)
_ID: Final = re.compile(r"[a-z]{3}_[a-z0-9]{1,64}", re.ASCII)


@dataclass(frozen=True)
class Denial:
    """What was denied and why. `of` is the id of the run or grant, `document` the digest of the text."""

    document: str
    organisation_id: str
    of: str
    reason: str


def write_denial(denial: Denial) -> bytes:
    """Gives the document's bytes; raises E_DOCUMENT or E_LIMIT when it makes no sense."""
    if _DIGEST.fullmatch(denial.document) is None:
        raise BadInput("E_DOCUMENT", "a denial names the digest of what it denies")
    for value in (denial.organisation_id, denial.of):
        if _ID.fullmatch(value) is None:
            raise BadInput("E_DOCUMENT", f"'{value[:40]}' is no id")
    if len(denial.reason) > DENIAL_REASON_CHARS_MAX:
        raise BadInput("E_LIMIT", f"a reason has at most {DENIAL_REASON_CHARS_MAX} characters")
    fields = {
        "document": denial.document,
        "organisation": denial.organisation_id,
        "of": denial.of,
        "reason": denial.reason,
    }
    return documents.write(KIND, fields)


def read_denial(text: bytes) -> Denial:
    """Reads the document. Says nothing about who signed it."""
    fields = documents.read(text, KIND)
    denial = Denial(fields["document"], fields["organisation"], fields["of"], fields["reason"])
    if write_denial(denial) != text:
        raise BadInput("E_DOCUMENT", "the denial is not written in the usual order")
    return denial
