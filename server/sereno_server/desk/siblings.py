"""What the other devices tell: who got the same change, and whether they have the same trouble since."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, and_, exists, false, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_server.desk.facts import Facts
from sereno_server.store.tables import alerts, changes, forecasts

LOOK_BACK: Final = timedelta(days=7)
ROLLOUT_MIN: Final = 2  # devices that got the same change: a roll-out, not a coincidence
ROLLOUTS_MAX: Final = 200
KINDS: Final = ("file", "package", "setting", "unit", "container", "sysctl", "cron", "firewall", "module")


@dataclass(frozen=True)
class Same:
    """What makes changes on two devices the same one."""

    kind: str
    object: str
    after_digest: str


@dataclass(frozen=True)
class Rollout:
    """A change on other devices. in_trouble: how many of them have had this ticket's trouble since."""

    change_id: str
    name: str
    summary: str
    at: datetime
    devices: int
    in_trouble: int


NOBODY: Final = Rollout("", "", "", datetime.min.replace(tzinfo=UTC), 0, 0)


async def rollouts(tx: AsyncConnection, facts: Facts, onset: datetime) -> dict[Same, Rollout]:
    """Every recent change of the organisation's other devices, the same ones as one; `at` is the last before onset."""
    same = (changes.c.kind, changes.c.object, changes.c.after_digest)
    before = changes.c.at <= onset
    found = await tx.execute(
        select(
            *same,
            func.max(changes.c.id).label("change_id"),
            func.max(changes.c.name).label("name"),
            func.max(changes.c.summary).label("summary"),
            func.coalesce(func.max(changes.c.at).filter(before), func.max(changes.c.at)).label("at"),
            func.count(changes.c.device_id.distinct()).label("devices"),
            func.count(changes.c.device_id.distinct()).filter(_in_trouble(facts)).label("in_trouble"),
        )
        .where(
            changes.c.organisation_id == facts.organisation_id,
            changes.c.device_id != facts.device_id,
            changes.c.kind.in_(KINDS),
            changes.c.after_digest != "",
            changes.c.at >= onset - LOOK_BACK,
            changes.c.at <= facts.now + timedelta(minutes=1),
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


def _in_trouble(facts: Facts) -> ColumnElement[bool]:
    """The device of the change has had a forecast or an alert like this ticket's since the change."""
    firing = [alert for alert in facts.alerts if alert.state == "firing"]
    told = forecasts.alias()
    raised = alerts.alias()
    forecast = exists().where(
        told.c.organisation_id == changes.c.organisation_id,
        told.c.device_id == changes.c.device_id,
        told.c.made_at >= changes.c.at,
        or_(*(and_(told.c.resource == alert.resource, told.c.object == alert.object) for alert in firing), false()),
    )
    alert = exists().where(
        raised.c.organisation_id == changes.c.organisation_id,
        raised.c.device_id == changes.c.device_id,
        raised.c.opened_at >= changes.c.at,
        or_(*(and_(raised.c.kind == one.kind, raised.c.object == one.object) for one in firing), false()),
    )
    return or_(forecast, alert)
