"""The newest roster that the server holds: who may sign, and how many must. Devices decide by the one they pinned."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_proto.errors import SerenoError
from sereno_proto.roster import Roster, Threshold, read_roster
from sereno_server.store.tables import rosters


async def newest_roster(tx: AsyncConnection) -> Roster | None:
    """The roster of the highest version, or None while there is none that can be read."""
    query = select(rosters.c.roster_text).order_by(rosters.c.version.desc()).limit(1)
    text = (await tx.execute(query)).scalar()
    if text is None:
        return None
    try:
        return read_roster(bytes(text))
    except SerenoError:
        return None


def threshold_of(roster: Roster | None, risk: str | None, now: datetime) -> Threshold | None:
    """How many persons approve this risk; None when it is not known or the roster has expired."""
    if roster is None or risk is None or roster.expires <= now:
        return None
    return roster.thresholds.get(risk)
