"""Where the approval page hands in a signature. Nobody is signed in here: the signature says whose it is."""

import time
from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import HTMLResponse

from sereno_proto import limits
from sereno_server.access.rates import Rate
from sereno_server.approve_site.handed_in import HandedIn, take
from sereno_server.web.console import Console
from sereno_server.web.i18n import reader
from sereno_server.web.rendering import Frame, page


def routes(console: Console) -> APIRouter:
    """POST /signed, from any site and without a session."""
    router = APIRouter()
    tries = Rate(burst=20, per_s=0.5)

    @router.post("/signed")
    async def signed(  # noqa: PLR0917  the fields of the form
        request: Request,
        organisation: Annotated[str, Form(pattern=r"^org_[a-z0-9]{1,64}$")],
        of: Annotated[str, Form(pattern=r"^(run|grt)_[a-z0-9]{1,64}$")],
        purpose: Annotated[str, Form(pattern=r"^(request|approve|deny)$")],
        signature: Annotated[str, Form(max_length=limits.SIGNATURE_CHARS_MAX)],
        reason: Annotated[str, Form(max_length=limits.DENIAL_REASON_CHARS_MAX)] = "",
    ) -> HTMLResponse:
        tries.take(request.client.host if request.client else "", time.monotonic())
        given = HandedIn(organisation, of, purpose, signature.replace("\r\n", "\n"), reason)
        account = await take(console.app, given, clock=console.clock)
        words = reader(request)
        headline = {
            "approve": words.say("Approved by {who}.", who=account.display_name),
            "request": words.say("Asked for by {who}, signed.", who=account.display_name),
            "deny": words.say("Denied by {who}.", who=account.display_name),
        }[purpose]
        frame = Frame(request, words, console.clock())
        return page(frame, "signed.html", headline=headline, denied=purpose == "deny", of=of)

    return router
