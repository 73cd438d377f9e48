"""A device's series and their samples."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from sqlalchemy import select

from sereno_proto.errors import BadInput
from sereno_proto.limits import SERIES_NAME_CHARS_MAX
from sereno_server.access.sign_in import utc_now
from sereno_server.api.asking import Asker, allowed
from sereno_server.api.paging import Cursor, read_cursor, write_cursor
from sereno_server.app import App
from sereno_server.reads import devices as device_reads
from sereno_server.reads.history import FLEET_DEVICES_MAX, fleet_history, together
from sereno_server.store import rates, rollups, samples
from sereno_server.store.rollup import DAY_MS, FIVE_MINUTES_MS, HOUR_MS, Stretches
from sereno_server.store.tables import series

SAMPLES_MAX = 20_000

SeriesId = Annotated[int, Query(alias="series")]
From = Annotated[int | None, Query(alias="from", description="Unix milliseconds; an hour before `to` by default")]
Step = Annotated[
    int,
    Query(
        description="seconds, a multiple of 300: lowest, mean, highest and number of each such stretch; 0 for samples"
        " as they came. A counter then comes as units a second"
    ),
]
Name = Annotated[str, Query(min_length=1, max_length=SERIES_NAME_CHARS_MAX, description="of the series, no labels")]
FleetStep = Annotated[int, Query(description="seconds, a multiple of 300")]
FleetLimit = Annotated[int, Query(ge=1, le=FLEET_DEVICES_MAX, description="of devices")]
Rate = Annotated[bool, Query(description="a counter as units a second, resets understood")]
To = Annotated[int | None, Query(alias="to", description="Unix milliseconds; now by default")]


def router(app: App) -> APIRouter:
    """Routes /devices/{device}/series and /samples."""
    routes = APIRouter(tags=["devices"])

    @routes.get("/devices/{device}/series")
    async def list_series(account: Asker, device: str) -> list[dict[str, Any]]:
        """Every series of the device with its latest value."""
        async with app.store.transaction(allowed(account, "read", "device", device)) as tx:
            found = (await device_reads.device_row(tx, device, utc_now())).id
            columns = (series.c.id, series.c.name, series.c.labels, series.c.text, series.c.kind)
            rows = (
                await tx.execute(select(*columns).where(series.c.device_id == found).order_by(series.c.text))
            ).mappings()
            latest = await samples.latest(tx, account.organisation_id, found)
            return [{**row, "latest": latest.get(row["id"])} for row in rows]

    @routes.get("/devices/{device}/samples")
    async def read_samples(
        account: Asker,
        device: str,
        series_id: SeriesId,
        *,
        start_ms: From = None,
        end_ms: To = None,
        rate: Rate = False,
        step: Step = 0,
    ) -> dict[str, Any]:
        """[ms, value] pairs of one series, by default of the last hour; the newest when there are too many.

        With a step: [ms, lowest, mean, highest, number], over as long as rollups are kept.
        """
        start, end = _bounds(start_ms, end_ms, HOUR_MS)
        if step:
            over = _over(start, end, step)
            async with app.store.transaction(allowed(account, "read", "device", device)) as tx:
                found = (await device_reads.device_row(tx, device, utc_now())).id
                rolled = await rollups.read(tx, account.organisation_id, {found: {series_id}}, over)
            one = rolled.get(found, {}).get(series_id)
            return {"series": series_id, "step": step, "samples": _listed(one)}
        async with app.store.transaction(allowed(account, "read", "device", device)) as tx:
            found = (await device_reads.device_row(tx, device, utc_now())).id
            columns = await samples.read(tx, account.organisation_id, found, [series_id], start, end)
        if series_id not in columns:
            return {"series": series_id, "samples": []}
        found_columns = rates.rate(*columns[series_id]) if rate else columns[series_id]
        times, values = (column[-SAMPLES_MAX:] for column in found_columns)
        return {"series": series_id, "samples": list(zip(times.tolist(), values.tolist(), strict=True))}

    @routes.get("/samples")
    async def read_fleet_samples(
        account: Asker,
        name: Name,
        *,
        start_ms: From = None,
        end_ms: To = None,
        step: FleetStep = 3600,
        limit: FleetLimit = 100,
        cursor: Cursor = "",
    ) -> dict[str, Any]:
        """One series name over the devices of the organisation, by default of the last day, by pages of devices.

        Each row is [ms, lowest, mean, highest, number]; `together` is all series of the page as one. `next` is empty
        on the last page. A counter comes as units a second.
        """
        over = _over(*_bounds(start_ms, end_ms, DAY_MS), step)
        after = read_cursor(cursor, of=str, start="")
        async with app.store.transaction(allowed(account, "read", "device")) as tx:
            found = await fleet_history(tx, account.organisation_id, name, over, after=after, devices=limit)
        names = sorted({one.device for one in found})
        return {
            "name": name,
            "step": step,
            "together": _listed(together(found, over.step_ms)),
            "items": [
                {
                    "device": one.device_id,
                    "name": one.device,
                    "series": one.series_id,
                    "text": one.text,
                    "samples": _listed(one.over_time),
                }
                for one in found
            ],
            "next": write_cursor(names[-1]) if len(names) == limit else "",
        }

    return routes


def _bounds(start_ms: int | None, end_ms: int | None, usual_ms: int) -> tuple[int, int]:
    end = int(utc_now().timestamp() * 1000) if end_ms is None else end_ms
    start = max(end - usual_ms, 0) if start_ms is None else start_ms
    if not 0 <= start <= end < 1 << 53:
        raise BadInput("E_BAD_REQUEST", "`from` must not be after `to`")
    return start, end


def _over(start_ms: int, end_ms: int, step_s: int) -> rollups.Range:
    if step_s <= 0 or step_s * 1000 % FIVE_MINUTES_MS:
        raise BadInput("E_BAD_REQUEST", "`step` is in seconds, a multiple of 300")
    if (end_ms - start_ms) / (step_s * 1000) > SAMPLES_MAX:
        raise BadInput("E_LIMIT", f"more than {SAMPLES_MAX} stretches", "ask for a shorter time or a longer step")
    return rollups.Range(start_ms, end_ms, step_s * 1000)


def _listed(one: Stretches | None) -> list[list[float]]:
    if one is None:
        return []
    columns = (one.times, one.lowest, one.mean, one.highest, one.counts)
    return [list(row) for row in zip(*(column.tolist() for column in columns), strict=True)]
