"""The lying server's mouth: everything that people's commands ask goes through it, and it answers what it likes."""

import http.client
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Lie = Callable[[bytes], bytes]
_PASSED_ON = ("authorization", "content-type", "idempotency-key", "cookie", "origin")


class Liar:
    """A proxy on the console's own address in front of the attacker's server; without lies it changes nothing."""

    def __init__(self, port: int, inner_port: int) -> None:
        self.lies: list[tuple[str, re.Pattern[str], Lie]] = []
        liar = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                length = int(self.headers.get("content-length") or 0)
                body = liar.bend("to", self.path, self.rfile.read(length)) if length else b""
                headers = {key: value for key, value in self.headers.items() if key.lower() in _PASSED_ON}
                inner = http.client.HTTPConnection("127.0.0.1", inner_port, timeout=60)
                try:
                    inner.request(self.command, self.path, body or None, {**headers, "Host": f"localhost:{port}"})
                    reply = inner.getresponse()
                    honest = reply.read()
                    content = liar.bend("from", self.path, honest)
                    self.send_response(reply.status if content == honest else 200)
                    self.send_header("content-type", reply.headers.get("content-type", "application/json"))
                    self.send_header("content-length", str(len(content)))
                    self.end_headers()
                    self.wfile.write(content)
                except OSError:
                    self.close_connection = True
                finally:
                    inner.close()

            do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815, names of the standard library

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def bend(self, direction: str, path: str, content: bytes) -> bytes:
        """The content, or the lie about it."""
        for where, pattern, lie in self.lies:
            if where == direction and pattern.fullmatch(path.partition("?")[0]):
                content = lie(content)
        return content

    @contextmanager
    def lying(self, pattern: str, lie: Lie, direction: str = "from") -> Iterator[None]:
        """Answers so for a while."""
        self.lies.append((direction, re.compile(pattern), lie))
        try:
            yield
        finally:
            self.lies.pop()

    def close(self) -> None:
        """Falls silent."""
        self._server.shutdown()
        self._server.server_close()
