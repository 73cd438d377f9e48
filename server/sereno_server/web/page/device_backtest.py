"""A device's backtest: what Sereno would have told of its past, and what happened."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from sereno_proto.errors import BadInput
from sereno_server.access.account import Account
from sereno_server.access.authorise import VERBS, Object, authorise
from sereno_server.access.current import current_account
from sereno_server.prediction.device_backtest import DAYS_MAX
from sereno_server.reads.devices import device_row
from sereno_server.reads.fleet import DeviceRow
from sereno_server.store import samples
from sereno_server.store.engine import Scope
from sereno_server.web import backtest_view
from sereno_server.web.backtests import Asked, Backtests
from sereno_server.web.console import Console
from sereno_server.web.rendering import Frame, page

DAYS = 7  # of a first proposal

Day = Annotated[date, Form()]


def routes(console: Console) -> APIRouter:
    """GET and POST /devices/NAME/backtest, and its report as a file."""
    router = APIRouter()
    backtests = Backtests(console.app.store.url)

    async def found(name: str, account: Account) -> DeviceRow:
        authorise(account, "backtest", Object("device", account.organisation_id, name))
        async with console.app.store.transaction(Scope(account.organisation_id)) as tx:
            return await device_row(tx, name, console.clock())

    @router.get("/devices/{name}/backtest")
    async def backtest_page(
        request: Request, name: str, account: Annotated[Account, Depends(current_account)]
    ) -> HTMLResponse:
        async with console.reading(request, account) as (tx, frame):
            if tx is None:
                raise BadInput("E_NOT_FOUND", f"no device {name}")
            device = await device_row(tx, name, frame.now)
            oldest_ms = await samples.oldest_ms(tx, device.organisation_id, device.id)
        asked = backtests.of((device.organisation_id, device.id))
        return _page(frame, device, asked, oldest_ms, may=account.role in VERBS["backtest"])

    @router.post("/devices/{name}/backtest")
    async def begin(
        name: str, account: Annotated[Account, Depends(current_account)], start: Day, end: Day
    ) -> RedirectResponse:
        device = await found(name, account)
        first = datetime.combine(start, time(), UTC)
        last = min(datetime.combine(end, time(), UTC) + timedelta(days=1), console.clock())
        if not first < last or last - first > timedelta(days=DAYS_MAX):
            raise BadInput("E_BACKTEST_RANGE", f"the days must be in order, and at most {DAYS_MAX}")
        backtests.ask((device.organisation_id, device.id), first, last)
        return RedirectResponse(f"/devices/{device.name}/backtest", status_code=303)

    @router.get("/devices/{name}/backtest/report.html")
    async def report_file(name: str, account: Annotated[Account, Depends(current_account)]) -> Response:
        device = await found(name, account)
        asked = backtests.of((device.organisation_id, device.id))
        if asked is None or asked.report is None:
            raise BadInput("E_NOT_FOUND", f"no backtest of {name} is ready")
        headers = {"content-disposition": f'attachment; filename="{device.name}-backtest.html"'}
        return Response(backtest_view.file(asked.report), media_type="text/html; charset=utf-8", headers=headers)

    return router


def _page(frame: Frame, device: DeviceRow, asked: Asked | None, oldest_ms: int, *, may: bool) -> HTMLResponse:
    report = asked.report if asked else None
    words = frame.words
    if report is not None:
        headline = backtest_view.headline(report, words)
    elif asked is not None and asked.going:
        headline = words.say("The past of {name} is being replayed.", name=device.name)
    else:
        headline = words.say("What would it have told you of {name}?", name=device.name)
    today = frame.now.date()
    oldest = datetime.fromtimestamp(oldest_ms / 1000, UTC).date() if oldest_ms else today
    return page(
        frame,
        "device_backtest.html",
        here="fleet",
        tab="backtest",
        device=device,
        headline=headline,
        asked=asked,
        percent=words.percent(asked.share) if asked else "",
        report=backtest_view.fragment(report, words) if report else None,
        start=max(asked.start.date() if asked else today - timedelta(days=DAYS), oldest).isoformat(),
        end=(asked.end - timedelta(seconds=1)).date().isoformat() if asked else today.isoformat(),
        oldest=oldest.isoformat(),
        today=today.isoformat(),
        days_max=DAYS_MAX,
        stored=bool(oldest_ms),
        may=may,
    )
