"""What sshd, PAM and sudo say of logins. Pure: a message in, an attempt out."""

import re
from typing import Final, NamedTuple

_FAILED: Final = re.compile(
    r"Failed (?:password|publickey|keyboard-interactive\S*) for (?:invalid user )?(?P<user>\S*) from (?P<source>\S+)"
    r"|authentication failure;.*?rhost=(?P<source2>\S*)(?:\s+user=(?P<user2>\S+))?"
    r"|FAILED LOGIN .*?FOR .?'?(?P<user3>[A-Za-z0-9._-]+)"
)
_ACCEPTED: Final = re.compile(r"Accepted \S+ for (?P<user>\S+) from (?P<source>\S+)")


class Attempt(NamedTuple):
    """One login that was tried."""

    user: str
    source: str
    accepted: bool


def parse(text: str) -> Attempt | None:
    """None for whatever is no login."""
    text = text[:2000]
    if found := _ACCEPTED.search(text):
        return Attempt(found["user"], found["source"], accepted=True)
    # sshd and PAM both tell of one attempt: sshd's word counts, PAM's where it stands alone (sudo, login).
    if (found := _FAILED.search(text)) and not ("authentication failure" in text and "sshd" in text):
        user = found["user"] or found["user2"] or found["user3"] or "unknown"
        return Attempt(user, found["source"] or found["source2"] or "", accepted=False)
    return None
