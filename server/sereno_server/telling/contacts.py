"""How approvers are reached: set by an administrator, by a person's name on the roster."""

import ipaddress
import re
import secrets
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_proto.errors import BadInput, Refused
from sereno_proto.limits import CONTACT_AFTER_S_MAX, CONTACT_CHARS_MAX
from sereno_server.audit.ledger import record
from sereno_server.store.tables import contacts

_MAIL: Final = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,190}", re.ASCII)


@dataclass(frozen=True)
class Contact:
    """One person's. after_s: told so long after the request, while nobody has answered; 0 at once."""

    person: str
    mail: str
    webhook: str
    after_s: int


async def keep(tx: AsyncConnection, organisation_id: str, contact: Contact, actor: str) -> str:
    """Keeps a contact instead of the earlier one, and gives the webhook's new secret, which is told only now; or ""."""
    if contact.mail and _MAIL.fullmatch(contact.mail) is None:
        raise BadInput("E_BAD_REQUEST", f"'{contact.mail[:80]}' is no mail address")
    if contact.webhook:
        check_webhook(contact.webhook)
    if not contact.mail and not contact.webhook:
        raise BadInput("E_BAD_REQUEST", "a contact has a mail address or a webhook")
    if not 0 <= contact.after_s <= CONTACT_AFTER_S_MAX:
        raise BadInput("E_BAD_REQUEST", f"told within {CONTACT_AFTER_S_MAX} s")
    secret = f"whsec_{secrets.token_urlsafe(32)}" if contact.webhook else ""
    values = {
        "mail": contact.mail or None,
        "webhook": contact.webhook or None,
        "secret": secret or None,
        "after_s": contact.after_s,
    }
    statement = insert(contacts).values(organisation_id=organisation_id, person=contact.person, **values)
    await tx.execute(statement.on_conflict_do_update(index_elements=["organisation_id", "person"], set_=values))
    told = {"mail": bool(contact.mail), "webhook": bool(contact.webhook), "after_s": contact.after_s}
    await record(tx, organisation_id, actor, "contact.set", contact.person, told)
    return secret


async def remove(tx: AsyncConnection, organisation_id: str, person: str, actor: str) -> None:
    """Takes a contact out; raises E_NOT_FOUND."""
    where = (contacts.c.organisation_id == organisation_id, contacts.c.person == person)
    if (await tx.execute(delete(contacts).where(*where))).rowcount == 0:
        raise Refused("E_NOT_FOUND", f"{person[:80]} has no contact")
    await record(tx, organisation_id, actor, "contact.remove", person, {})


async def listed(tx: AsyncConnection) -> list[Contact]:
    """All of the organisation in scope, without secrets."""
    query = select(contacts.c.person, contacts.c.mail, contacts.c.webhook, contacts.c.after_s)
    found = await tx.execute(query.order_by(contacts.c.after_s, contacts.c.person))
    return [Contact(row.person, row.mail or "", row.webhook or "", row.after_s) for row in found]


def check_webhook(url: str) -> None:
    """Raises E_BAD_REQUEST unless the address is https, or http of this very machine; no name and password in it."""
    if len(url) > CONTACT_CHARS_MAX or not url.isascii() or not url.isprintable() or " " in url:
        raise BadInput("E_BAD_REQUEST", "that is no webhook's address")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError as error:
        raise BadInput("E_BAD_REQUEST", "that is no webhook's address") from error
    if parts.username or parts.password or parts.fragment or not host:
        raise BadInput("E_BAD_REQUEST", "a webhook's address holds no name, password or fragment")
    if parts.scheme == "http" and _is_this_machine(host):
        return
    if parts.scheme != "https":
        raise BadInput("E_BAD_REQUEST", "a webhook is reached by https, or by http on this machine")


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
