"""How approvers are reached."""

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from sereno_proto.limits import CONTACT_AFTER_S_MAX, CONTACT_CHARS_MAX, PERSON_NAME_PATTERN
from sereno_server.api.asking import Asker, allowed
from sereno_server.api.paging import Page
from sereno_server.app import App
from sereno_server.telling import contacts
from sereno_server.telling.contacts import Contact


class ContactBody(BaseModel):
    """Where a person is told, and how long after the request."""

    person: str = Field(pattern=f"^{PERSON_NAME_PATTERN}$")
    mail: str = Field(default="", max_length=CONTACT_CHARS_MAX)
    webhook: str = Field(default="", max_length=CONTACT_CHARS_MAX)
    after_s: int = Field(default=0, ge=0, le=CONTACT_AFTER_S_MAX)


def router(app: App) -> APIRouter:
    """Routes /contacts."""
    routes = APIRouter(tags=["contacts"])

    @routes.get("/contacts")
    async def listed(account: Asker) -> Page[Contact]:
        """Everybody's, without secrets."""
        async with app.store.transaction(allowed(account, "administer", "contacts")) as tx:
            return Page(items=await contacts.listed(tx))

    @routes.put("/contacts")
    async def keep(account: Asker, body: ContactBody) -> dict[str, Any]:
        """Sets a person's contact. The secret of a webhook is new each time, and told only in this answer."""
        async with app.store.transaction(allowed(account, "administer", "contact")) as tx:
            contact = Contact(body.person, body.mail, body.webhook, body.after_s)
            secret = await contacts.keep(tx, account.organisation_id, contact, account.name)
        return asdict(contact) | ({"secret": secret} if secret else {})

    @routes.post("/contacts/{person}/remove")
    async def remove(account: Asker, person: str) -> dict[str, str]:
        """Takes a person's contact out."""
        async with app.store.transaction(allowed(account, "administer", "contact", person)) as tx:
            await contacts.remove(tx, account.organisation_id, person, account.name)
        return {"person": person}

    return routes
