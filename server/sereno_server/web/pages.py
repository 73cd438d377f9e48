"""The console's routes: the list of its pages, its static files, and how it says that something went wrong."""

from collections.abc import Callable
from datetime import datetime

from fastapi import APIRouter, FastAPI, Request
from starlette.responses import HTMLResponse

from sereno_proto.errors import SerenoError
from sereno_server.access.account import Account
from sereno_server.api.problems import request_id_of, status_of
from sereno_server.app import App, now
from sereno_server.web import stream
from sereno_server.web.assets import Static
from sereno_server.web.console import Console
from sereno_server.web.i18n import reader
from sereno_server.web.page import (
    approve,
    coming,
    device,
    device_backtest,
    device_changes,
    device_checks,
    device_logs,
    device_policy,
    fleet,
    grants,
    inventory,
    ledger,
    maintenance,
    metrics,
    rules,
    scoreboard,
    sign_in,
    signed,
    tickets,
)
from sereno_server.web.rendering import Frame, page

PAGES = (
    *(sign_in, signed, fleet, coming, device, metrics, device_logs, device_changes, device_policy, device_backtest),
    *(device_checks, inventory, tickets, approve, grants, ledger, scoreboard, maintenance, rules, stream),
)


def router(app: App, clock: Callable[[], datetime] = now) -> APIRouter:
    """Every page. All but /sign-in need an account, which the guard has put into the request."""
    routes = APIRouter(include_in_schema=False)
    console = Console(app, clock)
    for part in PAGES:
        routes.include_router(part.routes(console))
    return routes


def mount_static(site: FastAPI) -> None:
    """Stylesheet, scripts and the browser libraries."""
    site.mount("/static", Static(), name="static")


def wants_page(request: Request) -> bool:
    """True when a browser asks for something to read, rather than a program for data."""
    return "text/html" in request.headers.get("accept", "") and not request.url.path.startswith("/api/")


def error_page(request: Request, error: SerenoError) -> HTMLResponse:
    """What happened, what to do, and the code; in the frame of every page where somebody is signed in."""
    account = getattr(request.state, "account", None)
    words = reader(request)
    headlines = {
        "E_NOT_FOUND": words.say("There is nothing here."),
        "E_FORBIDDEN": words.say("This account may not do that."),
        "E_INTERNAL": words.say("A fault of Sereno's own."),
    }
    return page(
        Frame(request, words, now(), account if isinstance(account, Account) else None),
        "error.html",
        status=status_of(error),
        error=error,
        headline=headlines.get(error.code, words.say("That did not work.")),
        request_id=request_id_of(request),
    )
