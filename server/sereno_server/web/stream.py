"""Server-sent events: what just changed in the reader's organisation, told within a quarter of a second."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import JSONResponse, StreamingResponse

from sereno_server.access.account import Account
from sereno_server.access.authorise import Object, authorise
from sereno_server.access.current import current_account
from sereno_server.store.events import RESYNC, Event, Events
from sereno_server.web.console import NOTHING, Console

GATHER_S = 0.2
KEEPALIVE_S = 15.0
STREAM_S_MAX = 600.0  # then the browser connects again, and whoever was signed out is not let in


def routes(console: Console) -> APIRouter:
    """GET /events, and GET /counts for the figures in the navigation."""
    router = APIRouter()

    @router.get("/events")
    async def events(account: Annotated[Account, Depends(current_account)]) -> StreamingResponse:
        authorise(account, "read", Object("events", account.organisation_id))
        return StreamingResponse(
            told(console.app.events, account.organisation_id, console.app.stopping),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    @router.get("/counts")
    async def counts(request: Request, account: Annotated[Account, Depends(current_account)]) -> JSONResponse:
        async with console.reading(request, account) as (_, frame):
            known = frame.counts or NOTHING
            return JSONResponse({"open": frame.words.number(known.open), "waiting": frame.words.number(known.waiting)})

    return router


async def told(
    events: Events,
    organisation_id: str,
    stopping: asyncio.Event,
    *,
    gather_s: float = GATHER_S,
    keepalive_s: float = KEEPALIVE_S,
    stream_s: float = STREAM_S_MAX,
) -> AsyncIterator[str]:
    """The organisation's events as text/event-stream; those that come together are told once each."""
    loop = asyncio.get_running_loop()
    ends = loop.time() + stream_s
    with events.subscribe() as queue:
        yield "retry: 1500\n\n"
        while not stopping.is_set() and (left := ends - loop.time()) > 0:
            await _first(queue, stopping, min(keepalive_s, left))
            if queue.empty():
                yield ": still here\n\n"
                continue
            await asyncio.sleep(gather_s)
            together = [queue.get_nowait() for _ in range(queue.qsize())]
            mine = dict.fromkeys(e for e in together if e.kind == RESYNC or e.organisation_id == organisation_id)
            if mine:
                yield "".join(_line(event) for event in mine)


async def _first(queue: asyncio.Queue[Event], stopping: asyncio.Event, within_s: float) -> None:
    """Waits until something is in the queue, the server stops, or the time is over. Takes nothing out."""
    heard, stopped = asyncio.create_task(queue.get()), asyncio.create_task(stopping.wait())
    try:
        await asyncio.wait({heard, stopped}, timeout=within_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopped.cancel()
        heard.cancel()
        if heard.done() and not heard.cancelled():
            queue.put_nowait(heard.result())


def _line(event: Event) -> str:
    body = json.dumps({"kind": event.kind, "id": event.id, "device": event.device_id}, separators=(",", ":"))
    return f"data: {body}\n\n"
