"""Links to the approval page: the text travels in the part after `#`, which no host ever sees."""

import zlib
from urllib.parse import urlencode

from sereno_proto import passkeys
from sereno_proto.limits import APPROVE_LINK_CHARS_MAX


def approval_link(approve_url: str, text: bytes, return_url: str, *, purpose: str = "approve") -> str:
    """Where a person reads and signs a plan or grant; "" without an approval page, or for a text too long for a link.

    return_url: the console, to which the page posts the signature. The page calls it unverified, and the signature is
    worth the same wherever it goes.
    """
    if not approve_url:
        return ""
    said = {"doc": passkeys.encode(zlib.compress(text, 9)), "return": return_url}
    fragment = urlencode(said if purpose == "approve" else {"as": purpose, **said})
    return f"{approve_url.rstrip('/')}/#{fragment}" if len(fragment) < APPROVE_LINK_CHARS_MAX else ""


def enrol_link(approve_url: str, organisation_id: str, person: str) -> str:
    """Where a person makes a passkey; "" without an approval page."""
    if not approve_url:
        return ""
    return f"{approve_url.rstrip('/')}/#{urlencode({'enrol': '1', 'organisation': organisation_id, 'person': person})}"
