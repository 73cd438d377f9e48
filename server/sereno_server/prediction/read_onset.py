"""Reads the samples around a growth and finds when it began."""

from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_server.prediction.onset import Onset, refine, since
from sereno_server.store import samples


async def onset_of(  # noqa: PLR0917 (which series, and what is known so far)
    tx: AsyncConnection, organisation_id: str, device_id: str, series_id: int, onset: float, now: float
) -> Onset:
    """The onset of a growth that was noticed as begun at `onset`. Both times: epoch seconds by the device's clock."""
    bounds = (int(since(onset, now) * 1000), int(now * 1000) + 1)
    columns = await samples.read(tx, organisation_id, device_id, [series_id], *bounds)
    if series_id not in columns:
        return Onset(onset, 0.25 * max(now - onset, 1.0))
    at_ms, value = columns[series_id]
    return refine(at_ms / 1000.0, value, onset, now)
