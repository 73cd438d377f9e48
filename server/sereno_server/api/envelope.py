"""What every answer shares: a request id, security headers, a bound on bodies, one log line, no bare fault."""

import logging
import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Histogram
from sqlalchemy.exc import OperationalError
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sereno_proto import limits
from sereno_proto.errors import BadInput, SerenoError
from sereno_proto.ids import new_id
from sereno_server.api.problems import problem

log = logging.getLogger("sereno.http")

HEADERS = {
    b"content-security-policy": b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    b"font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"same-origin",
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
    b"permissions-policy": b"camera=(), geolocation=(), microphone=()",
}


Answer = Callable[[SerenoError, Request], Response]  # a page for people, a problem for programs


class Metrics:
    """What /metrics shows of the HTTP face."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter("sereno_http_requests", "Answers by status", ["status"], registry=self.registry)
        self.seconds = Histogram("sereno_http_seconds", "Time to the first byte", registry=self.registry)


class Envelope:
    """ASGI middleware around everything else."""

    def __init__(self, inner: ASGIApp, *, metrics: Metrics, answer: Answer) -> None:
        self._inner = inner
        self._answer = answer
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        answer = _Answer(scope, send, self._metrics, self._answer)
        try:
            await self._inner(scope, _bounded(scope, receive), answer.send)
        except SerenoError as error:
            await answer.fault(error, receive)
        except OperationalError:  # it is away, or on its way back: no fault of ours, and soon over
            log.warning("%s %s: PostgreSQL does not answer", scope["method"], answer.path, exc_info=True)
            await answer.fault(SerenoError("E_POSTGRESQL", "", "try again in a moment"), receive)
        except Exception:
            log.exception("%s %s", scope["method"], answer.path, extra={"request_id": answer.request_id})
            await answer.fault(SerenoError("E_INTERNAL"), receive)


class _Answer:
    """One answer on its way out."""

    def __init__(self, scope: Scope, send: Send, metrics: Metrics, answer: Answer) -> None:
        self.request_id = new_id("req")
        self.path = scope["path"] if not scope["path"].startswith("/enter/") else "/enter/…"  # no secrets in the log
        scope.setdefault("state", {})["request_id"] = self.request_id
        self._scope, self._send, self._metrics, self._answer = scope, send, metrics, answer
        self._started = time.perf_counter()
        self._status = 0

    async def send(self, message: Message) -> None:
        """Passes a message on; the first one gets the headers and the log line."""
        if message["type"] == "http.response.start":
            self._status = message["status"]
            given = {name.lower() for name, _ in message["headers"]}
            extra = [pair for pair in HEADERS.items() if pair[0] not in given]
            if b"cache-control" not in given:
                extra.append((b"cache-control", b"no-store"))
            message["headers"] = [*message["headers"], *extra, (b"x-request-id", self.request_id.encode())]
            self._metrics.requests.labels(str(self._status)).inc()
            self._metrics.seconds.observe(time.perf_counter() - self._started)
            line = "%s %s %s"
            log.info(line, self._scope["method"], self.path, self._status, extra={"request_id": self.request_id})
        await self._send(message)

    async def fault(self, error: SerenoError, receive: Receive) -> None:
        """Answers with the problem, unless an answer has begun already: then the connection is simply cut."""
        if self._status:
            return
        try:
            answer = self._answer(error, Request(self._scope))
        except Exception:  # the page that tells of a fault may have one itself
            log.exception("the error page", extra={"request_id": self.request_id})
            answer = problem(error, self.request_id)
        await answer(self._scope, receive, self.send)


def _bounded(scope: Scope, receive: Receive) -> Receive:
    length = Request(scope).headers.get("content-length", "0")
    if not length.isdigit() or int(length) > limits.REQUEST_BODY_BYTES_MAX:
        raise BadInput("E_LIMIT", f"a request body may hold {limits.REQUEST_BODY_BYTES_MAX} bytes")
    got = 0

    async def bounded() -> Message:
        nonlocal got
        message = await receive()
        got += len(message.get("body", b""))
        if got > limits.REQUEST_BODY_BYTES_MAX:
            raise BadInput("E_LIMIT", f"a request body may hold {limits.REQUEST_BODY_BYTES_MAX} bytes")
        return message

    return bounded
