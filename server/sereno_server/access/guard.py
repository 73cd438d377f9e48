"""Every HTTP request passes here before any route: what is not listed as public needs an account."""

from collections.abc import Awaitable, Callable
from urllib.parse import quote, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from sereno_proto.errors import BadInput, Refused, SerenoError
from sereno_server.access.account import Account

PUBLIC_PATHS = frozenset({"/healthz", "/readyz", "/sign-in", "/favicon.ico"})
PUBLIC_PREFIXES = ("/static/", "/enter/", "/api/v1/login/")
SELF_SIGNED_PATHS = frozenset({"/signed"})  # what is posted there, by any site's page, carries a person's signature
LOOPBACK_PATHS = frozenset({"/metrics"})  # public to this machine itself, for a scraper beside the server
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

FindAccount = Callable[[str, str], Awaitable[Account]]  # (kind: session or token, secret) -> whose it is
Answer = Callable[[SerenoError, Request], Response]


def cookie_name(public_url: str) -> str:
    """`__Host-sereno` over https. Plain http, the demo, has the port in it: cookies do not tell ports apart."""
    url = urlsplit(public_url)
    return "__Host-sereno" if url.scheme == "https" else f"sereno-{url.port or 80}"


class Guard:
    """ASGI middleware: host, origin, account; sets request.state.account."""

    def __init__(self, inner: ASGIApp, *, public_url: str, find_account: FindAccount, answer: Answer) -> None:
        self._inner = inner
        self._find_account = find_account
        self._answer = answer
        self._cookie = cookie_name(public_url)
        url = urlsplit(public_url)
        self._hosts = {url.netloc.lower()}
        if url.hostname in {"localhost", "127.0.0.1"}:
            self._hosts |= {f"{name}:{url.port or 80}" for name in ("localhost", "127.0.0.1")}
        self._origins = {f"{url.scheme}://{host}" for host in self._hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._inner(scope, receive, send)
            return
        request = Request(scope, receive) if scope["type"] == "http" else None
        if request is None:  # no websockets here: what is not listed is refused
            await send({"type": "websocket.close", "code": 4403})
            return
        try:
            await self._admit(request)
        except SerenoError as error:
            await self._refusal(error, request)(scope, receive, send)
            return
        await self._inner(scope, receive, send)

    async def _admit(self, request: Request) -> None:
        host = request.headers.get("host", "").lower()
        if host not in self._hosts and request.url.path not in PUBLIC_PATHS:  # a name rebound to our address
            raise BadInput("E_ORIGIN", f"the server is not called {host!r}")
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        bearer = token if scheme.lower() == "bearer" else ""  # a browser sends Basic by itself, for a foreign page too
        session = request.cookies.get(self._cookie, "")
        if request.method not in SAFE_METHODS and not bearer and request.url.path not in SELF_SIGNED_PATHS:
            self._same_origin(request, has_session=bool(session))
        if bearer:
            request.state.account = await self._find_account("token", bearer)
        elif session and not _is_public(request):
            request.state.account = await self._find_account("session", session)
        elif not _is_public(request):
            raise Refused("E_NOT_SIGNED_IN")

    def _same_origin(self, request: Request, *, has_session: bool) -> None:
        origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site")
        foreign = (origin is not None and origin not in self._origins) or site not in {None, "same-origin", "none"}
        if foreign or (has_session and origin is None and site is None):
            raise Refused("E_ORIGIN")

    def _refusal(self, error: SerenoError, request: Request) -> Response:
        wants_page = request.method in SAFE_METHODS and "text/html" in request.headers.get("accept", "")
        if wants_page and error.code in {"E_NOT_SIGNED_IN", "E_EXPIRED"} and not request.url.path.startswith("/api/"):
            path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            return RedirectResponse(f"/sign-in?code={error.code}&next={quote(path, safe='')}", status_code=303)
        return self._answer(error, request)


def _is_public(request: Request) -> bool:
    path = request.url.path
    if path in LOOPBACK_PATHS:
        relayed = "x-forwarded-for" in request.headers or "forwarded" in request.headers
        return not relayed and request.client is not None and request.client.host in {"127.0.0.1", "::1"}
    return path in PUBLIC_PATHS or path in SELF_SIGNED_PATHS or path.startswith(PUBLIC_PREFIXES)
