"""What the server offers devices by itself: newer rosters and renewed certificates. Devices verify both."""

import logging
from datetime import datetime, timedelta

from sqlalchemy import func, insert, select, update

from sereno_proto.errors import SerenoError
from sereno_proto.limits import CERTIFICATE_RENEW_DAYS
from sereno_proto.v1.runs_pb2 import LaterRoot, OfferCertificate, OfferRoster
from sereno_server.access.organisations import roots_of
from sereno_server.gateway.authority import Authority
from sereno_server.gateway.connection import ConnectedDevice
from sereno_server.store.engine import Scope, Store
from sereno_server.store.tables import certificates, devices, rosters

OFFER_TIMEOUT_S = 60.0

log = logging.getLogger(__name__)


async def offer_roster(store: Store, device: ConnectedDevice) -> None:
    """Offers the newest roster when it is newer than the one that the device has pinned; notes what it took."""
    async with store.transaction(Scope(device.organisation_id)) as tx:
        newest = (
            await tx.execute(
                select(rosters.c.version, rosters.c.roster_text, rosters.c.signatures)
                .where(rosters.c.organisation_id == device.organisation_id, rosters.c.version > device.roster_version)
                .order_by(rosters.c.version.desc())
                .limit(1)
            )
        ).first()
        if newest is None:
            return
        _, later = await roots_of(tx, device.organisation_id)
    offer = OfferRoster(
        roster_text=newest.roster_text,
        root_signatures=list(newest.signatures),
        later_roots=[LaterRoot(text=one.text, signatures=one.signatures) for one in later],
    )
    await device.command(offer, OFFER_TIMEOUT_S)
    device.roster_version = newest.version
    async with store.transaction(Scope(device.organisation_id)) as tx:
        await tx.execute(
            update(devices)
            .where(devices.c.organisation_id == device.organisation_id, devices.c.id == device.id)
            .values(roster_version=newest.version)
        )


async def offer_certificate(store: Store, authority: Authority, device: ConnectedDevice, now: datetime) -> None:
    """Renews a certificate that ends soon, for the same key and the same device; the old one stays valid."""
    identity = device.identity
    if identity.not_after - now > timedelta(days=CERTIFICATE_RENEW_DAYS):
        return
    issued = authority.renew(identity.public_key, identity.organisation_id, identity.device_id, now)
    async with store.transaction(Scope(identity.organisation_id)) as tx:
        await tx.execute(
            insert(certificates).values(
                organisation_id=identity.organisation_id,
                device_id=identity.device_id,
                serial=issued.serial,
                not_after=issued.not_after,
                issued_at=now,
            )
        )
    await device.command(OfferCertificate(certificate_pem=issued.chain_pem), OFFER_TIMEOUT_S)


async def behind(store: Store, live: list[ConnectedDevice]) -> list[ConnectedDevice]:
    """The connected devices that have pinned an older roster than their organisation's newest."""
    async with store.transaction(Scope.system()) as tx:
        rows = await tx.execute(
            select(rosters.c.organisation_id, func.max(rosters.c.version)).group_by(rosters.c.organisation_id)
        )
        newest: dict[str, int] = {row[0]: row[1] for row in rows}
    return [device for device in live if device.roster_version < newest.get(device.organisation_id, 0)]


async def offer_all(store: Store, authority: Authority, device: ConnectedDevice, now: datetime) -> None:
    """Both offers; a device that refuses or goes away is asked again when it connects the next time."""
    for offer in (offer_roster(store, device), offer_certificate(store, authority, device, now)):
        try:
            await offer
        except SerenoError as error:
            log.info("%s did not take an offer: %s", device.id, error)
