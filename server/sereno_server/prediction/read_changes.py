"""Reads what changed on a device before a trouble, and what became of the siblings that got the same changes."""

from dataclasses import MISSING, dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_server.prediction import rollouts as fleet_of
from sereno_server.prediction.rollouts import NOBODY, ROLLOUT_MIN, Fleet, Rollout, Same, Trouble
from sereno_server.store.tables import changes

LOOK_BACK: Final = timedelta(days=7)
CHANGES_MAX: Final = 500


@dataclass(frozen=True)
class Changed:
    """A change on the device, as the ranking sees it."""

    id: str
    kind: str
    object: str
    name: str
    summary: str
    at: datetime
    siblings: int = 0  # other devices that got the same change
    siblings_in_trouble: int = 0  # and have the same trouble since
    others: int = 0  # devices of the organisation that did not get it
    others_in_trouble: int = 0  # and have the trouble all the same
    own: bool = True  # False: only siblings got it


async def changes_of(tx: AsyncConnection, trouble: Trouble) -> list[Changed]:
    """What changed here, and what was rolled out to siblings; each with what became of the siblings that got it."""
    names = [name for name, field in Changed.__dataclass_fields__.items() if field.default is MISSING]
    query = (
        select(*(changes.c[name] for name in names), changes.c.after_digest)
        .where(
            changes.c.organisation_id == trouble.organisation_id,
            changes.c.device_id == trouble.device_id,
            changes.c.at >= trouble.onset - LOOK_BACK,
            changes.c.at <= trouble.now + timedelta(minutes=1),
        )
        .order_by(changes.c.at.desc())
        .limit(CHANGES_MAX)
    )
    made: list[Changed] = []
    rollouts, fleet = await fleet_of.rollouts(tx, trouble), await fleet_of.fleet(tx, trouble)
    left = dict(rollouts)
    for row in (await tx.execute(query)).mappings():
        same = Same(row["kind"], row["object"], row["after_digest"])
        left.pop(same, None)
        given: dict[str, Any] = {name: row[name] for name in names}
        made.append(Changed(**given, **_told(rollouts.get(same, NOBODY), fleet)))
    for same, rollout in left.items():
        if rollout.devices >= ROLLOUT_MIN:
            told = _told(rollout, fleet)
            words = (rollout.name, rollout.summary)
            made.append(Changed(rollout.change_id, same.kind, same.object, *words, rollout.at, own=False, **told))
    return made


def _told(rollout: Rollout, fleet: Fleet) -> dict[str, Any]:
    return {
        "siblings": rollout.devices,
        "siblings_in_trouble": rollout.in_trouble,
        "others": max(fleet.devices - rollout.devices, 0),
        "others_in_trouble": max(fleet.in_trouble - rollout.in_trouble, 0),
    }
