"""A device's log lines."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from sereno_proto import limits
from sereno_proto.errors import BadInput
from sereno_server.access.sign_in import utc_now
from sereno_server.api.asking import Asker, allowed
from sereno_server.api.paging import Cursor, Limit, Page, write_cursor
from sereno_server.api.paging import read_cursor as read_place
from sereno_server.app import App
from sereno_server.reads import logs as log_reads

DAY_MS = 86_400_000

Severity = Annotated[int, Query(ge=0, le=7, description="syslog: 0 emergency to 7 debug; this and worse")]
From = Annotated[int | None, Query(alias="from", description="Unix milliseconds; a day before `to` by default")]
To = Annotated[int | None, Query(alias="to", description="Unix milliseconds; now by default")]
Words = Annotated[str, Query(max_length=200, description="found anywhere in a line, whatever its case")]


def router(app: App) -> APIRouter:
    """Route /devices/{device}/logs."""
    routes = APIRouter(prefix="/devices/{device}", tags=["devices"])

    @routes.get("/logs")
    async def logs(
        account: Asker,
        device: str,
        *,
        q: Words = "",
        severity: Severity = 7,
        source: Annotated[str, Query(max_length=64)] = "",
        start_ms: From = None,
        end_ms: To = None,
        limit: Limit = limits.PAGE_ROWS,
        cursor: Cursor = "",
    ) -> Page[log_reads.LogRow]:
        """Lines, the newest first. A page may be empty and yet have a `next`: nothing matched so far back."""
        now = utc_now()
        end = int(now.timestamp() * 1000) + DAY_MS if end_ms is None else end_ms
        start = end - 2 * DAY_MS if start_ms is None else start_ms
        if not 0 <= start <= end < 1 << 53:
            raise BadInput("E_BAD_REQUEST", "`from` must not be after `to`")
        place: Any = log_reads.read_key(read_place(cursor, of=str, start=""))
        wanted = log_reads.Wanted(q, severity, source, start, end, place)
        async with app.store.transaction(allowed(account, "read", "device", device)) as tx:
            who = await log_reads.speaker(tx, device)
            page = await log_reads.lines_of(tx, who, wanted, now, limit)
        following = write_cursor(log_reads.write_key(page.before)) if page.before else ""
        return Page(items=page.lines, next=following)

    return routes
