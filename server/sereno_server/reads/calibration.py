"""How early the hits came, and whether what was said with so much confidence came true so often."""

from dataclasses import dataclass
from itertools import pairwise

from sqlalchemy import Subquery, and_, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

BINS = 5  # of confidence, evenly from 0 to 1
HOUR, DAY = 3600, 86_400
EDGES_S = (15 * 60, HOUR, 4 * HOUR, 12 * HOUR, DAY, 3 * DAY, 7 * DAY)  # of the lead: 8 bins


@dataclass(frozen=True)
class LeadBin:
    """Hits whose lead was at least from_s and less than to_s; None = no bound."""

    from_s: float
    to_s: float | None
    hits: int


@dataclass(frozen=True)
class ConfidenceBin:
    """What was first said with a confidence from low to high, and how much of it came true. said: their mean."""

    low: float
    high: float
    said: float
    told: int
    hit: int

    @property
    def came_true(self) -> float:
        return self.hit / self.told


async def leads(tx: AsyncConnection, scored: Subquery) -> tuple[LeadBin, ...]:
    """The histogram of leads, all bins; empty when there is no hit."""
    bins = [*pairwise((0.0, *EDGES_S)), (EDGES_S[-1], None)]
    lead = scored.c.lead_s
    inside = [lead >= low if high is None else and_(lead >= low, lead < high) for low, high in bins]
    counted = select(*(func.count().filter(one) for one in inside)).where(scored.c.outcome == "hit")
    counts = (await tx.execute(counted)).one()
    return tuple(LeadBin(low, high, n) for (low, high), n in zip(bins, counts, strict=True)) if any(counts) else ()


async def calibration(tx: AsyncConnection, scored: Subquery) -> tuple[ConfidenceBin, ...]:
    """Bins of confidence that hold anything, the lowest first. Prevented and withdrawn ones are left out."""
    place = func.least(func.floor(scored.c.confidence * BINS), BINS - 1).label("place")
    query = (
        select(
            place,
            func.avg(scored.c.confidence).label("said"),
            func.count().label("told"),
            func.count().filter(scored.c.outcome == "hit").label("hit"),
        )
        .where(scored.c.outcome.in_(("hit", "miss")), scored.c.confidence.is_not(None))
        .group_by(place)
        .order_by(place)
    )
    return tuple(
        ConfidenceBin(row.place / BINS, (row.place + 1) / BINS, float(row.said), row.told, row.hit)
        for row in await tx.execute(query)
    )
