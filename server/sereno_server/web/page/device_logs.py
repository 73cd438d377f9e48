"""What a device said: its lines, searched and followed."""

from datetime import timedelta
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import HTMLResponse

from sereno_proto.errors import BadInput
from sereno_server.access.account import Account
from sereno_server.access.current import current_account
from sereno_server.reads import logs
from sereno_server.reads.devices import device
from sereno_server.reads.logs import LogPage
from sereno_server.reads.severities import severity_words
from sereno_server.reads.words import Words
from sereno_server.web.console import Console
from sereno_server.web.rendering import page

PAGE = 200
RANGES = {"1h": 3600, "1d": 86_400, "7d": 7 * 86_400, "30d": 30 * 86_400}
SKEW = timedelta(days=1)  # a clock that is ahead hides no line


def routes(console: Console) -> APIRouter:
    """GET /devices/{name}/logs, with what is asked for in the address."""
    router = APIRouter()

    @router.get("/devices/{name}/logs")
    async def logs_page(
        request: Request,
        name: str,
        account: Annotated[Account, Depends(current_account)],
        *,
        q: Annotated[str, Query(max_length=200)] = "",
        severity: Annotated[int, Query(ge=0, le=7)] = 7,
        source: Annotated[str, Query(max_length=64)] = "",
        asked: Annotated[str, Query(alias="range", max_length=8)] = "1d",
        before: Annotated[str, Query(max_length=64)] = "",
        follow: bool = False,
    ) -> HTMLResponse:
        chosen = asked if asked in RANGES else "1d"
        async with console.reading(request, account) as (tx, frame):
            if tx is None:
                raise BadInput("E_NOT_FOUND", f"no device {name}")
            view = await device(tx, name, frame.now)
            who = logs.Speaker(view.device.organisation_id, view.device.id)
            start = frame.now - timedelta(seconds=RANGES[chosen])
            wanted = logs.Wanted(
                text=q,
                severity=severity,
                source=source,
                start_ms=int(start.timestamp() * 1000),
                end_ms=int((frame.now + SKEW).timestamp() * 1000),
                before=logs.read_key(before),
            )
            found = await logs.lines_of(tx, who, wanted, frame.now, PAGE)
            sources = await logs.sources_of(tx, who)
            counts = await logs.counts_of(tx, who, wanted.start_ms, source)
        given = {"q": q, "severity": severity if severity != logs.LOWEST else "", "source": source, "range": chosen}
        query = {key: value for key, value in given.items() if value not in {"", "1d"}}

        def address(**changed: object) -> str:
            merged = {key: value for key, value in {**query, **changed}.items() if value not in {"", None}}
            return f"/devices/{view.device.name}/logs" + (f"?{urlencode(merged)}" if merged else "")

        return page(
            frame,
            "device_logs.html",
            here="fleet",
            tab="logs",
            device=view.device,
            headline=headline(view.device.name, found, wanted, chosen, frame.words),
            lines=found.lines,
            kept_back=counts,
            span=dict(_ranges(frame.words))[chosen],
            key=logs.write_key,
            sources=sources,
            search=q,
            severity=severity,
            source=source,
            chosen=chosen,
            follow=follow and not before,
            address=address,
            levels=severity_words(frame.words),
            ranges=_ranges(frame.words),
            older=address(before=logs.write_key(found.before)) if found.before else None,
            newest=address() if before else None,
            self_address=address(follow=1 if follow else "", before=before),
        )

    return router


def headline(name: str, found: LogPage, wanted: logs.Wanted, chosen: str, words: Words) -> str:
    """The answer: how much that is bad it said, or what the search found."""
    span = dict(_ranges(words))[chosen]
    n = len(found.lines)
    more = found.before is not None
    if wanted.text or wanted.source or wanted.severity != logs.LOWEST or wanted.before:
        if not n:
            return words.say("{name}: no such line in the last {span}.", name=name, span=span)
        if more:
            return words.say("{name}: more than {n} such lines in the last {span}.", name=name, n=n, span=span)
        one, many = "{name}: one such line in the last {span}.", "{name}: {n} such lines in the last {span}."
        return words.say_n(one, many, n, name=name, span=span)
    if not n:
        return words.say("{name} has said nothing in the last {span}.", name=name, span=span)
    bad = sum(line.severity <= 3 for line in found.lines)  # noqa: PLR2004, error and worse
    if not bad:
        return words.say("{name} speaks, and of its last lines none is an error.", name=name)
    return words.say_n(
        "{name}: one error among its last lines.", "{name}: {n} errors among its last lines.", bad, name=name
    )


def _ranges(words: Words) -> list[tuple[str, str]]:
    return [("1h", words.say("1 h")), ("1d", words.say("1 d")), ("7d", words.say("7 d")), ("30d", words.say("30 d"))]
