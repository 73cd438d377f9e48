"""What changed before an anomaly began: ranked when it opens, and kept with it."""

from datetime import datetime
from typing import Final

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_server.prediction.cause import rank
from sereno_server.prediction.incidents import Opened
from sereno_server.prediction.read_changes import changes_of
from sereno_server.prediction.rollouts import Alike, Trouble
from sereno_server.prediction.slots import SLOT_MS
from sereno_server.prediction.unusual import Device
from sereno_server.store.tables import anomaly_causes

CAUSES_MAX: Final = 10
ALIKE: Final = (Alike("anomaly", "", ""),)


async def keep_causes(tx: AsyncConnection, device: Device, anomaly_id: str, incident: Opened, now: datetime) -> int:
    """Ranks and writes the causes of an anomaly that has just opened; gives how many there are."""
    onset = datetime.fromtimestamp(incident.onset * SLOT_MS / 1000, now.tzinfo)
    changed = await changes_of(tx, Trouble(*device, onset, now, ALIKE))
    about = " ".join(one.text for one in incident.series)
    causes = rank(onset, changed, now, about, SLOT_MS / 1000)[:CAUSES_MAX]
    rows = [
        {
            "organisation_id": device[0],
            "anomaly_id": anomaly_id,
            "change_id": cause.change_id,
            "rank": number,
            "weight": cause.weight,
            "why": cause.why,
        }
        for number, cause in enumerate(causes, 1)
    ]
    if rows:
        await tx.execute(insert(anomaly_causes), rows)
    return len(rows)
