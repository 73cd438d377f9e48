"""Every series of a device, found by any part of its name, and the picture of one over any stretch of time."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import HTMLResponse, JSONResponse

from sereno_proto.errors import BadInput
from sereno_server.access.account import Account
from sereno_server.access.current import current_account
from sereno_server.reads.devices import changes_of, device_row, open_forecasts, series_of
from sereno_server.reads.fleet import DeviceRow
from sereno_server.reads.history import history
from sereno_server.reads.resources import SeriesRow
from sereno_server.reads.rows import ForecastRow
from sereno_server.reads.tickets import causes_of
from sereno_server.store import samples
from sereno_server.web import chart, units
from sereno_server.web.chart_request import Asked
from sereno_server.web.console import Console
from sereno_server.web.page.device import with_others
from sereno_server.web.rendering import page
from sereno_server.web.series_chart import series_chart

RANGES: dict[str, float] = {"1h": 3600, "6h": 6 * 3600, "1d": 86_400, "30d": 30 * 86_400, "1y": 365 * 86_400}
SHOWN_MAX = 400
CHANGES_SHOWN = 20
SEARCH_CHARS_MAX = 200


def routes(console: Console) -> APIRouter:
    """GET /devices/NAME/metrics, and the chart of one series."""
    router = APIRouter()

    @router.get("/devices/{name}/metrics")
    async def metrics_page(
        request: Request,
        name: str,
        account: Annotated[Account, Depends(current_account)],
        q: Annotated[str, Query(max_length=SEARCH_CHARS_MAX)] = "",
        series: int = 0,
    ) -> HTMLResponse:
        async with console.reading(request, account) as (tx, frame):
            device, every = await _series(tx, name, frame.now)
        found = [one for one in every if matches(one, q)]
        drawn = next((one for one in every if one.id == series), found[0] if found else None)
        return page(
            frame,
            "metrics.html",
            here="fleet",
            device=device,
            tab="metrics",
            search=q,
            total=len(every),
            found=len(found),
            rows=found[:SHOWN_MAX],
            drawn=drawn,
            amount=lambda one: units.amount(one, one.value, frame.words) if one.kind != "counter" else "",
            ranges=_ranges(frame.words.say),
            chart_sentence=drawn.text if drawn else "",
        )

    @router.get("/devices/{name}/metrics/chart")
    async def metrics_chart(
        request: Request, name: str, account: Annotated[Account, Depends(current_account)], asked: Asked
    ) -> JSONResponse:
        async with console.reading(request, account) as (tx, frame):
            device, every = await _series(tx, name, frame.now)
            drawn = next((one for one in every if one.id == asked.series), None)
            if tx is None or drawn is None:
                raise BadInput("E_NOT_FOUND", f"no series {asked.series} on {name}")
            of = (device.organisation_id, device.id)
            oldest = await samples.oldest_ms(tx, *of)
            forecast = next((one for one in await open_forecasts(tx, device.id) if one.series_id == drawn.id), None)
            window = asked.window(_window(asked.range, forecast, frame.now), oldest)
            end_ms = window.end + 1
            past = await history(tx, of, (drawn.id, drawn.kind), window.start, end_ms, asked.points, window.now)
            changes = await changes_of(tx, device.id, limit=CHANGES_SHOWN)
            causes = await causes_of(tx, device.ticket.id) if device.ticket else ()
        letters = chart.lettered(with_others(causes, changes)[:CHANGES_SHOWN])
        drawing = series_chart(drawn, past, window, changes=letters, words=frame.words, forecast=forecast)
        return JSONResponse(drawing | {"oldest": oldest})

    return router


async def _series(tx: AsyncConnection | None, name: str, now: datetime) -> tuple[DeviceRow, list[SeriesRow]]:
    if tx is None:
        raise BadInput("E_NOT_FOUND", f"no device {name}")
    device = await device_row(tx, name, now)
    return device, await series_of(tx, device.organisation_id, device.id)


def matches(series: SeriesRow, search: str) -> bool:
    """True when every word of the search is somewhere in the name or its labels."""
    text = series.text.lower()
    return all(word in text for word in search.lower().split())


def _window(wanted: str, forecast: ForecastRow | None, now: datetime) -> chart.Window:
    name = wanted if wanted in RANGES else "1h"
    if forecast is not None:
        if wanted not in RANGES:
            name = best_range(forecast, now)
        return chart.with_room(name, RANGES[name], forecast, now)
    at = round(now.timestamp() * 1000)
    return chart.Window(name, at - round(RANGES[name] * 1000), at, at)


def best_range(forecast: ForecastRow, now: datetime) -> str:
    """The shortest range that shows when it began and when it ends."""
    ends = forecast.full_at_high or forecast.full_at or now
    needed = max((ends - now).total_seconds() / 0.45, (now - (forecast.onset_at or now)).total_seconds() / 0.6)
    return next((name for name, seconds in RANGES.items() if seconds >= needed), "1y")


def _ranges(say: Any) -> list[tuple[str, str]]:
    return [("1h", say("1 h")), ("6h", say("6 h")), ("1d", say("1 d")), ("30d", say("30 d")), ("1y", say("1 y"))]
