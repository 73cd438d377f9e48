"""The pass over the fleet: who is whose sibling, and the rows of what sets devices apart."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_server.prediction.fleet import SHOWN_MAX, Apart, Fleet
from sereno_server.prediction.likeness import Kin, Signature, siblings, sign
from sereno_server.prediction.unusual import Device, Fresh
from sereno_server.store.engine import Scope, Store
from sereno_server.store.events import Event, emit_all
from sereno_server.store.tables import devices, differences, facts, inventories

ANEW: Final = timedelta(hours=1)  # how often siblings are looked for
PACKAGES: Final = "package."


class FleetWatch:
    """Compares devices with their siblings and keeps the rows of those that differ."""

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        self.store = store
        self.clock = clock
        self.fleet = Fleet()
        self._looked_at: datetime | None = None
        self._signed: dict[Device, tuple[str, int, Signature]] = {}  # the inventory's digest, the number of series
        self._written: set[Device] | None = None

    def feed(self, fresh: Sequence[Fresh]) -> None:
        """Takes new slots."""
        self.fleet.feed(fresh)

    async def once(self, texts: Mapping[Device, Iterable[str]]) -> None:
        """Compares when a slot is over. texts: what the series of each device are called."""
        now = self.clock()
        if self._looked_at is None or now - self._looked_at >= ANEW:
            async with self.store.transaction(Scope.system()) as tx:
                self.fleet.siblings = await self._siblings(tx, texts)
            self._looked_at = now
        found = self.fleet.compare()
        if found is not None:
            await self._write(found, now)

    async def _siblings(self, tx: AsyncConnection, texts: Mapping[Device, Iterable[str]]) -> dict[Device, list[Device]]:
        digests = {
            (row.organisation_id, row.device_id): row.digest
            for row in await tx.execute(
                select(inventories.c.organisation_id, inventories.c.device_id, inventories.c.digest)
            )
        }
        query = select(devices.c.organisation_id, devices.c.id, devices.c.platform, devices.c.site)
        kin = []
        for row in await tx.execute(query.where(devices.c.revoked_at.is_(None))):
            device = (row.organisation_id, row.id)
            if device in texts:
                signature = await self._signature(tx, device, digests.get(device, ""), list(texts[device]))
                kin.append(Kin(row.organisation_id, row.id, row.platform, row.site or "", signature))
        organisation = {one.device_id: one.organisation_id for one in kin}
        return {
            (organisation[device], device): [(organisation[other], other) for other in others]
            for device, others in siblings(kin).items()
        }

    async def _signature(self, tx: AsyncConnection, device: Device, digest: str, texts: list[str]) -> Signature:
        known = self._signed.get(device)
        if known is None or known[:2] != (digest, len(texts)):
            query = select(facts.c.key).where(
                facts.c.organisation_id == device[0],
                facts.c.device_id == device[1],
                facts.c.key.startswith(PACKAGES, autoescape=True),
            )
            known = digest, len(texts), sign([*texts, *(await tx.scalars(query))])
            self._signed[device] = known
        return known[2]

    async def _write(self, found: Sequence[Apart], now: datetime) -> None:
        """Writes the rows of the devices that differ, and takes away those of devices that do no longer."""
        by_device: dict[Device, list[Apart]] = {}
        for one in found:
            by_device.setdefault(one.device, []).append(one)
        async with self.store.transaction(Scope.system()) as tx:
            if self._written is None:
                rows = await tx.execute(select(differences.c.organisation_id, differences.c.device_id).distinct())
                self._written = {(row.organisation_id, row.device_id) for row in rows}
            touched = self._written | set(by_device)
            for organisation_id, device_id in touched:
                here = (differences.c.organisation_id == organisation_id, differences.c.device_id == device_id)
                await tx.execute(delete(differences).where(*here))
            names = await _names(tx, [other for device in by_device for other in self.fleet.siblings.get(device, ())])
            made = [self._row(one, now, names) for device in by_device for one in by_device[device][:SHOWN_MAX]]
            if made:
                await tx.execute(insert(differences), made)
            changed = self._written ^ set(by_device)
            await emit_all(tx, [Event("forecast", device[0], device[1], device[1]) for device in sorted(changed)])
            self._written = set(by_device)

    def _row(self, one: Apart, now: datetime, names: Mapping[str, str]) -> dict[str, Any]:
        return {
            "organisation_id": one.device[0],
            "device_id": one.device[1],
            "series_id": one.series_id,
            "text": one.text,
            "since": datetime.fromtimestamp(one.since_ms / 1000, UTC),
            "updated_at": now,
            "value": one.value,
            "usual": one.usual,
            "distance": one.distance,
            "siblings": one.siblings,
            "among": [names[other] for _, other in self.fleet.siblings.get(one.device, ()) if other in names],
        }

    def dump(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Columns and facts, to keep them."""
        return self.fleet.dump(), self.fleet.dump_facts()

    def load(self, kept: Mapping[str, Any], facts_kept: Mapping[str, Any]) -> None:
        """Takes over what was kept. Raises KeyError, ValueError or TypeError when it is of another version."""
        fleet = Fleet()
        fleet.load(dict(kept), facts_kept)
        self.fleet, self._looked_at = fleet, None


async def _names(tx: AsyncConnection, wanted: Sequence[Device]) -> dict[str, str]:
    query = select(devices.c.id, devices.c.name).where(devices.c.id.in_({device for _, device in wanted}))
    return {row.id: row.name for row in await tx.execute(query)}
