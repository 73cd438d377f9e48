"""Which devices a rollout is for: those named, those of a site, or those that the fleet search finds."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_proto.errors import BadInput, Refused
from sereno_proto.limits import ROLLOUT_DEVICES_MAX
from sereno_server.reads.inventory import ask
from sereno_server.store.tables import devices


@dataclass(frozen=True)
class Target:
    """Exactly one of: devices by name or id, a site (a group), a question to the inventories (`openssl < 3.0.15`)."""

    devices: Sequence[str] = field(default_factory=list)
    site: str = ""
    query: str = ""

    @property
    def words(self) -> str:
        """What is shown of it."""
        if self.query:
            return f"query {self.query}"
        return f"group {self.site}" if self.site else f"devices {', '.join(self.devices)}"


@dataclass(frozen=True)
class Chosen:
    """One device. online: a node holds its stream."""

    id: str
    name: str
    online: bool


async def choose(tx: AsyncConnection, organisation_id: str, target: Target) -> list[Chosen]:
    """The devices by name. Raises E_PARAMETER, E_LIMIT, and E_NOT_FOUND when there is none."""
    if sum(map(bool, (target.devices, target.site, target.query))) != 1:
        raise BadInput("E_PARAMETER", "a rollout is for devices, for a group, or for a query")
    query = select(devices.c.id, devices.c.name, devices.c.node).where(
        devices.c.organisation_id == organisation_id, devices.c.revoked_at.is_(None)
    )
    if target.query:
        found = {fact.device_id for fact in (await ask(tx, target.query)).facts}
        query = query.where(devices.c.id.in_(found))
    elif target.site:
        query = query.where(devices.c.site == target.site)
    else:
        query = query.where(or_(devices.c.id.in_(target.devices), devices.c.name.in_(target.devices)))
    rows = (await tx.execute(query.order_by(devices.c.name, devices.c.id))).all()
    missing = [name for name in target.devices if name not in {key for row in rows for key in (row.id, row.name)}]
    if missing or not rows:
        raise Refused(
            "E_NOT_FOUND", f"no device {missing[0][:80]}" if missing else f"no device for {target.words[:200]}"
        )
    if len(rows) > ROLLOUT_DEVICES_MAX:
        raise BadInput("E_LIMIT", f"{len(rows)} devices; a rollout has at most {ROLLOUT_DEVICES_MAX}")
    return [Chosen(row.id, row.name, row.node is not None) for row in rows]
