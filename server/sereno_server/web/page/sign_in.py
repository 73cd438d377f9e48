"""How to get in: there are no passwords, a one-time link signs a browser in."""

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from sereno_proto import limits
from sereno_proto.errors import CATALOGUE
from sereno_server.web.console import Console
from sereno_server.web.i18n import reader
from sereno_server.web.rendering import Frame, page


def routes(console: Console) -> APIRouter:
    """GET /sign-in, the one page that needs no account."""
    router = APIRouter()

    @router.get("/sign-in")
    async def sign_in(request: Request, code: str = "") -> HTMLResponse:
        words = reader(request)
        known = code if code in CATALOGUE and code != "E_NOT_SIGNED_IN" else ""
        headlines = {"E_EXPIRED": words.say("That link has been used or has expired.")}
        reasons = {"E_EXPIRED": words.say("Make a new link; the old one is worth nothing now.")}
        return page(
            Frame(request, words, console.clock()),
            "sign_in.html",
            headline=headlines.get(known, words.say("Sign in with a link.")),
            code=known,
            why=(reasons.get(known) or CATALOGUE[known].meaning) if known else "",
            hours=limits.SESSION_HOURS,
            minutes=limits.LOGIN_LINK_MINUTES,
        )

    return router
