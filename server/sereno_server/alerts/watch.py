"""One pass of the alert path over one organisation."""

from datetime import datetime

from sereno_server.alerts.load import load
from sereno_server.alerts.pipeline import decide
from sereno_server.alerts.write import write
from sereno_server.desk.tickets import lock
from sereno_server.store.engine import Scope, Store


async def watch(store: Store, organisation_id: str, now: datetime, up_since: datetime) -> set[str]:
    """Reads, decides and writes in one transaction, one node at a time; gives the tickets that it touched.

    Everything follows from rows, so a pass that was cut off is simply made again.
    """
    async with store.transaction(Scope(organisation_id)) as tx:
        await lock(tx, organisation_id)
        situation = await load(tx, now, up_since)
        return await write(tx, organisation_id, situation, decide(situation))
