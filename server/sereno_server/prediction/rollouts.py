"""What the other devices tell: who got the same change, and whether they have the same trouble since."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, and_, exists, false, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_server.store.tables import alerts, changes, devices, forecasts

LOOK_BACK: Final = timedelta(days=7)
ROLLOUT_MIN: Final = 2  # devices that got the same change: a roll-out, not a coincidence
ROLLOUTS_MAX: Final = 200
TELLING_SHARE: Final = (
    0.5  # a sibling that has had the change for less than this share of the time here tells nothing yet
)
# Kinds whose state after the change is the same text on every device that got it.
KINDS: Final = (
    *("file", "setting", "tree", "environment", "package", "container", "cron", "unit", "sysctl", "service", "mount"),
    *("module", "kernel", "user", "group", "sudo", "firewall", "network", "route", "dns", "certificate"),
)


@dataclass(frozen=True)
class Alike:
    """What makes the trouble of two devices the same one: the alert's kind, or the resource that runs out."""

    kind: str
    resource: str
    object: str


@dataclass(frozen=True)
class Trouble:
    """What is looked into: on which device, since when, and what the same trouble is elsewhere."""

    organisation_id: str
    device_id: str
    onset: datetime
    now: datetime
    alike: tuple[Alike, ...] = ()


@dataclass(frozen=True)
class Same:
    """What makes changes on two devices the same one."""

    kind: str
    object: str
    after_digest: str


@dataclass(frozen=True)
class Rollout:
    """A change on other devices: those that had it long enough to tell, or have the trouble. in_trouble: of those."""

    change_id: str
    name: str
    summary: str
    at: datetime
    devices: int
    in_trouble: int


@dataclass(frozen=True)
class Fleet:
    """The organisation's other devices, and how many of them have had the trouble of late."""

    devices: int
    in_trouble: int


NOBODY: Final = Rollout("", "", "", datetime.min.replace(tzinfo=UTC), 0, 0)


async def rollouts(tx: AsyncConnection, trouble: Trouble) -> dict[Same, Rollout]:
    """Every recent change of the organisation's other devices, the same ones as one; `at` is the last before onset."""
    same = (changes.c.kind, changes.c.object, changes.c.after_digest)
    before = changes.c.at <= trouble.onset
    tells = or_(changes.c.at <= trouble.now - TELLING_SHARE * (trouble.now - trouble.onset), _in_trouble(trouble))
    found = await tx.execute(
        select(
            *same,
            func.max(changes.c.id).label("change_id"),
            func.max(changes.c.name).label("name"),
            func.max(changes.c.summary).label("summary"),
            func.coalesce(func.max(changes.c.at).filter(before), func.max(changes.c.at)).label("at"),
            func.count(changes.c.device_id.distinct()).filter(tells).label("devices"),
            func.count(changes.c.device_id.distinct()).filter(_in_trouble(trouble)).label("in_trouble"),
        )
        .where(
            changes.c.organisation_id == trouble.organisation_id,
            changes.c.device_id != trouble.device_id,
            changes.c.kind.in_(KINDS),
            changes.c.after_digest != "",
            changes.c.at >= trouble.onset - LOOK_BACK,
            changes.c.at <= trouble.now + timedelta(minutes=1),
        )
        .group_by(*same)
        .order_by(func.count(changes.c.device_id.distinct()).desc(), func.max(changes.c.at).desc())
        .limit(ROLLOUTS_MAX)
    )
    return {
        Same(row["kind"], row["object"], row["after_digest"]): Rollout(
            **{name: row[name] for name in Rollout.__dataclass_fields__}
        )
        for row in found.mappings()
    }


async def fleet(tx: AsyncConnection, trouble: Trouble) -> Fleet:
    """The other devices of the organisation that are heard of, and how many have the same trouble."""
    others = (devices.c.organisation_id == trouble.organisation_id, devices.c.id != trouble.device_id)
    device, since = devices.c.id, trouble.onset - LOOK_BACK
    ill = _troubled(trouble, device, since)
    query = select(func.count(), func.count().filter(ill)).where(*others, devices.c.revoked_at.is_(None))
    count, in_trouble = (await tx.execute(query)).one()
    return Fleet(count, in_trouble)


def _in_trouble(trouble: Trouble) -> ColumnElement[bool]:
    """The device of the change has had a forecast or an alert like this ticket's since the change."""
    return _troubled(trouble, changes.c.device_id, changes.c.at)


def _troubled(
    trouble: Trouble, device: ColumnElement[str], since: ColumnElement[datetime] | datetime
) -> ColumnElement[bool]:
    told = forecasts.alias()
    raised = alerts.alias()
    forecast = exists().where(
        told.c.organisation_id == trouble.organisation_id,
        told.c.device_id == device,
        told.c.made_at >= since,
        or_(
            *(and_(told.c.resource == alert.resource, told.c.object == alert.object) for alert in trouble.alike),
            false(),
        ),
    )
    alert = exists().where(
        raised.c.organisation_id == trouble.organisation_id,
        raised.c.device_id == device,
        raised.c.opened_at >= since,
        or_(*(and_(raised.c.kind == one.kind, raised.c.object == one.object) for one in trouble.alike), false()),
    )
    return or_(forecast, alert)
