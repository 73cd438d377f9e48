"""A device's series and their samples."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from sqlalchemy import select

from sereno_proto.errors import BadInput
from sereno_server.access.sign_in import utc_now
from sereno_server.api.asking import Asker, allowed
from sereno_server.app import App
from sereno_server.reads import devices as device_reads
from sereno_server.store import rates, samples
from sereno_server.store.tables import series

HOUR_MS = 3_600_000
SAMPLES_MAX = 20_000

SeriesId = Annotated[int, Query(alias="series")]
From = Annotated[int | None, Query(alias="from", description="Unix milliseconds; an hour before `to` by default")]
Rate = Annotated[bool, Query(description="a counter as units a second, resets understood")]
To = Annotated[int | None, Query(alias="to", description="Unix milliseconds; now by default")]


def router(app: App) -> APIRouter:
    """Routes /devices/{device}/series and /samples."""
    routes = APIRouter(prefix="/devices/{device}", tags=["devices"])

    @routes.get("/series")
    async def list_series(account: Asker, device: str) -> list[dict[str, Any]]:
        """Every series of the device with its latest value."""
        async with app.store.transaction(allowed(account, "read", "device", device)) as tx:
            found = (await device_reads.device(tx, device, utc_now())).device.id
            columns = (series.c.id, series.c.name, series.c.labels, series.c.text, series.c.kind)
            rows = (
                await tx.execute(select(*columns).where(series.c.device_id == found).order_by(series.c.text))
            ).mappings()
            latest = await samples.latest(tx, account.organisation_id, found)
            return [{**row, "latest": latest.get(row["id"])} for row in rows]

    @routes.get("/samples")
    async def read_samples(
        account: Asker,
        device: str,
        series_id: SeriesId,
        *,
        start_ms: From = None,
        end_ms: To = None,
        rate: Rate = False,
    ) -> dict[str, Any]:
        """[ms, value] pairs of one series, by default of the last hour; the newest when there are too many."""
        end = int(utc_now().timestamp() * 1000) if end_ms is None else end_ms
        start = end - HOUR_MS if start_ms is None else start_ms
        if not 0 <= start <= end < 1 << 53:
            raise BadInput("E_BAD_REQUEST", "`from` must not be after `to`")
        async with app.store.transaction(allowed(account, "read", "device", device)) as tx:
            found = (await device_reads.device(tx, device, utc_now())).device.id
            columns = await samples.read(tx, account.organisation_id, found, [series_id], start, end)
        if series_id not in columns:
            return {"series": series_id, "samples": []}
        found_columns = rates.rate(*columns[series_id]) if rate else columns[series_id]
        times, values = (column[-SAMPLES_MAX:] for column in found_columns)
        return {"series": series_id, "samples": list(zip(times.tolist(), values.tolist(), strict=True))}

    return routes
