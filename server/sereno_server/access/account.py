"""An account: a person as the server knows them. Devices know people by the signed roster only."""

import hashlib
from dataclasses import dataclass

ROLES = ("administrator", "technician", "approver", "customer")


@dataclass(frozen=True)
class Account:
    """Who is asking. organisation_id is the organisation in view; "" while the installation has none."""

    id: str
    name: str
    display_name: str
    role: str
    organisation_id: str


def digest(secret: str) -> str:
    """The form in which a link, session, token or challenge is kept: its SHA-256. The secret itself is never stored."""
    return hashlib.sha256(secret.encode()).hexdigest()
