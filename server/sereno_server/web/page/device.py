"""One device: is it well, what runs out, what changed."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import HTMLResponse, JSONResponse

from sereno_proto.errors import BadInput
from sereno_server.access.account import Account
from sereno_server.access.authorise import VERBS
from sereno_server.access.current import current_account
from sereno_server.maintenance import windows
from sereno_server.reads import rules as rule_reads
from sereno_server.reads.apart import apart
from sereno_server.reads.degradation import degradation_of, device_score_sentence, part_sentence, spark
from sereno_server.reads.devices import DeviceView, device
from sereno_server.reads.history import history
from sereno_server.reads.logs import Speaker
from sereno_server.reads.resources import ResourceRow
from sereno_server.reads.rows import CauseRow, ChangeRow
from sereno_server.reads.said import said_lately
from sereno_server.reads.sentences import device_sentence
from sereno_server.reads.severities import severity_words
from sereno_server.store import samples
from sereno_server.web import chart, units
from sereno_server.web.chart_request import Asked
from sereno_server.web.console import Console
from sereno_server.web.page.maintenance import lengths
from sereno_server.web.rendering import page

CHANGES_SHOWN = 6


def routes(console: Console) -> APIRouter:
    """GET /devices/NAME, and the chart of one of its resources."""
    router = APIRouter()

    @router.get("/devices/{name}")
    async def device_page(
        request: Request,
        name: str,
        account: Annotated[Account, Depends(current_account)],
        series: int = 0,
        wanted: Annotated[str, Query(alias="range", max_length=8)] = "",
    ) -> HTMLResponse:
        async with console.reading(request, account) as (tx, frame):
            if tx is None:
                raise BadInput("E_NOT_FOUND", f"no device {name}")
            view = await device(tx, name, frame.now)
            holding = await rule_reads.holding(tx, view.device.id, frame.words)
            announced = await windows.of_device(tx, view.device.id, frame.now)
            beside = await apart(tx, view.device.id)
            soundness = await degradation_of(tx, view.device.id, frame.now)
            said = await said_lately(tx, Speaker(view.device.organisation_id, view.device.id), frame.now)
        drawn = resource_of(view, series)
        return page(
            frame,
            "device.html",
            here="fleet",
            tab="overview",
            view=view,
            said=said,
            holding=holding,
            announced=announced,
            lengths=lengths(frame.words),
            may_maintain=account.role in VERBS["maintain"],
            levels=severity_words(frame.words),
            apart=beside,
            amount=lambda series, value: units.amount(series, value, frame.words),
            soundness=soundness,
            soundness_sentence=device_score_sentence(soundness, frame.now, frame.words),
            part=lambda one: part_sentence(one, frame.now, frame.words),
            spark=spark(soundness.days, frame.now.date()),
            device=view.device,
            headline=device_sentence(view.device, frame.now, frame.words),
            drawn=drawn,
            touched=[row for row in view.touched if not row.verb.startswith("run.step_")][:8],
            asked_range=wanted if wanted in chart.RANGES else "",
            ranges=_ranges(frame.words.say),
            asked_series=series or "",
            chosen=_window(view, drawn, wanted, frame.now).range if drawn else "",
            chart_sentence=chart.sentence(drawn, frame.now, frame.words) if drawn else "",
            interval=lambda f: chart.interval(f, frame.words),
            changes=chart.lettered(ranked(view)),
            weights={cause.change.id: cause for cause in view.causes},
        )

    @router.get("/devices/{name}/chart")
    async def device_chart(
        request: Request, name: str, account: Annotated[Account, Depends(current_account)], asked: Asked
    ) -> JSONResponse:
        async with console.reading(request, account) as (tx, frame):
            if tx is None:
                raise BadInput("E_NOT_FOUND", f"no device {name}")
            view = await device(tx, name, frame.now)
            drawn = resource_of(view, asked.series)
            if drawn is None:
                raise BadInput("E_NOT_FOUND", f"no bounded series {asked.series} on {name}")
            of = (view.device.organisation_id, view.device.id)
            oldest = await samples.oldest_ms(tx, *of)
            window = asked.window(_window(view, drawn, asked.range, frame.now), oldest)
            until = min(window.now, window.end) + 1000
            level = (drawn.series_id, "gauge")
            past = await history(tx, of, level, window.start, until, asked.points, window.now)
        letters = chart.lettered(ranked(view))
        drawing = chart.chart(drawn, past, window, changes=letters, now=frame.now, words=frame.words)
        return JSONResponse(drawing | {"oldest": oldest})

    return router


def _window(view: DeviceView, drawn: ResourceRow, wanted: str, now: datetime) -> chart.Window:
    return chart.window(wanted, drawn.forecast, now, since=view.device.joined_at)


def resource_of(view: DeviceView, series_id: int) -> ResourceRow | None:
    """The asked resource, or the most urgent one."""
    asked = next((r for r in view.resources if r.series_id == series_id), None)
    return asked or next(iter(view.resources), None)


def ranked(view: DeviceView) -> list[ChangeRow]:
    """The likely causes first, the likeliest as A; then what else changed, the newest first."""
    return with_others(view.causes, view.changes)[:CHANGES_SHOWN]


def with_others(causes: Sequence[CauseRow], changes: Sequence[ChangeRow]) -> list[ChangeRow]:
    """Causes by rank, then the other changes."""
    first = [cause.change for cause in causes]
    known = {change.id for change in first}
    return [*first, *(change for change in changes if change.id not in known)]


def _ranges(say: Any) -> list[tuple[str, str]]:
    return [("15m", say("15 min")), ("6h", say("6 h")), ("1d", say("1 d")), ("30d", say("30 d"))]
