"""The HTTP face: console and API behind one guard, and the listener that serves them."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy import text
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, Response

from sereno_proto.errors import BadInput, SerenoError
from sereno_server.access import routes as access_routes
from sereno_server.access.account import Account
from sereno_server.access.guard import Guard
from sereno_server.access.sign_in import account_of, utc_now
from sereno_server.api import routes as api_routes
from sereno_server.api.envelope import Envelope, Metrics
from sereno_server.api.problems import problem, request_id_of
from sereno_server.app import App
from sereno_server.store.engine import Scope
from sereno_server.web import pages


def create_http(app: App) -> FastAPI:
    """The whole site. Nothing listens yet: `run` does that, tests call it directly."""
    site = FastAPI(title="Sereno", version="1", docs_url=None, redoc_url=None, openapi_url="/api/v1/openapi.json")
    site.state.app = app
    metrics = Metrics()

    async def find_account(kind: str, secret: str) -> Account:
        async with app.store.transaction(Scope.system()) as tx:
            return await account_of(tx, kind, secret, utc_now())

    def answer(error: SerenoError, request: Request) -> Response:
        return pages.error_page(request, error) if pages.wants_page(request) else problem(error, request_id_of(request))

    @site.exception_handler(SerenoError)
    async def known(request: Request, error: SerenoError) -> Response:
        return answer(error, request)

    @site.exception_handler(RequestValidationError)
    async def malformed(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return answer(BadInput("E_BAD_REQUEST", f"{where}: {first['msg']}"), request)

    @site.exception_handler(HTTPException)
    async def not_served(request: Request, error: HTTPException) -> Response:
        code = "E_NOT_FOUND" if error.status_code == 404 else "E_BAD_REQUEST"  # noqa: PLR2004  HTTP's own number
        return answer(BadInput(code, f"{request.method} {request.url.path}: {error.detail}"), request)

    @site.get("/healthz", include_in_schema=False)
    async def healthz() -> PlainTextResponse:
        return PlainTextResponse("ok\n")

    @site.get("/readyz", include_in_schema=False)
    async def readyz() -> PlainTextResponse:
        async with asyncio.timeout(2), app.store.transaction(Scope.system()) as tx:
            await tx.execute(text("select 1"))
        return PlainTextResponse("ready\n")

    @site.get("/metrics", include_in_schema=False)
    async def exposition() -> Response:
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    site.include_router(access_routes.router(app))
    site.include_router(api_routes.router(app))
    site.include_router(pages.router(app))
    pages.mount_static(site)
    site.add_middleware(Guard, public_url=app.settings.public_url, find_account=find_account, answer=answer)
    site.add_middleware(Envelope, metrics=metrics, answer=answer)
    return site


class _Server(uvicorn.Server):
    """Uvicorn as a part among others: signals belong to app.py."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def listen(host: str, port: int) -> socket.socket:
    """A listening socket, or E_PORT_TAKEN."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise BadInput("E_PORT_TAKEN", f"{host}:{port}: {error.strerror or error}") from error
    return listener


async def run(app: App) -> None:
    """Serves until cancelled, then lets answers under way end within 3 s."""
    listener = listen(app.settings.http_host, app.settings.http_port)
    config = uvicorn.Config(
        create_http(app),
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        lifespan="off",
        timeout_graceful_shutdown=3,
    )
    server = _Server(config)
    async with _served(server, listener):
        await asyncio.Event().wait()


@asynccontextmanager
async def _served(server: uvicorn.Server, listener: socket.socket) -> AsyncIterator[None]:
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield
    finally:
        server.should_exit = True
        await task
