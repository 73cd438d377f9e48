"""What is wished of a device's policy; the device takes what makes it stricter, and shows its owner the rest."""

from dataclasses import asdict

from fastapi import APIRouter
from pydantic import BaseModel, Field

from sereno_proto.limits import WISHES_MAX
from sereno_server.access.sign_in import utc_now
from sereno_server.api.asking import Asker, allowed
from sereno_server.app import App
from sereno_server.reads.devices import device_row
from sereno_server.wishes import wishes
from sereno_server.wishes.wishes import Wishes


class WishesBody(BaseModel):
    """Collectors to keep off, plain words to hide, actions that the owner might allow."""

    collectors_denied: list[str] = Field(default_factory=list, max_length=WISHES_MAX)
    redact_words: list[str] = Field(default_factory=list, max_length=WISHES_MAX)
    actions: list[str] = Field(default_factory=list, max_length=WISHES_MAX)


def router(app: App) -> APIRouter:
    """Routes /devices/{device}/wishes."""
    routes = APIRouter(prefix="/devices", tags=["devices"])

    @routes.get("/{device}/wishes")
    async def read(account: Asker, device: str) -> WishesBody:
        """What is wished of it now."""
        async with app.store.transaction(allowed(account, "read", "device", device)) as tx:
            row = await device_row(tx, device, utc_now())
            return WishesBody(**asdict(await wishes.read(tx, row.organisation_id, row.id)))

    @routes.put("/{device}/wishes")
    async def change(account: Asker, device: str, body: WishesBody) -> WishesBody:
        """Wishes this of it, instead of what was wished before."""
        async with app.store.transaction(allowed(account, "wish", "device", device)) as tx:
            row = await device_row(tx, device, utc_now())
            wanted = Wishes(**body.model_dump())
            await wishes.change(tx, row.organisation_id, row.id, wanted, actor=account.name)
        return body

    return routes
