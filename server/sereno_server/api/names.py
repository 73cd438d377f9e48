"""Names of devices, as registrars sign them."""

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from sereno_proto.limits import SIGNATURE_CHARS_MAX, TEXT_CHARS_MAX
from sereno_server.access.sign_in import utc_now
from sereno_server.api.asking import Asker, allowed
from sereno_server.app import App
from sereno_server.reads import devices as device_reads
from sereno_server.registrar import SignedName, keep_name, signed_name


class NameStatement(BaseModel):
    """A `sereno device-name v1` text and the registrar's SSHSIG over it."""

    text: str = Field(max_length=TEXT_CHARS_MAX)
    signature: str = Field(max_length=SIGNATURE_CHARS_MAX)


def router(app: App) -> APIRouter:
    """Routes /device-names and /devices/{device}/name."""
    routes = APIRouter(tags=["devices"])

    @routes.post("/device-names", status_code=201)
    async def name_device(account: Asker, body: NameStatement) -> dict[str, Any]:
        """Keeps a registrar's statement; the device's name is shown as verified from now on."""
        async with app.store.transaction(allowed(account, "name_device", "device")) as tx:
            device_id = await keep_name(tx, account, body.text.encode(), body.signature, utc_now())
        return {"device_id": device_id}

    @routes.get("/devices/{device}/name")
    async def name_of(account: Asker, device: str) -> SignedName:
        """The statement that binds the device to its name, with its signature."""
        async with app.store.transaction(allowed(account, "read", "device", device)) as tx:
            found = await device_reads.device_row(tx, device, utc_now())
            return await signed_name(tx, found.id)

    return routes
