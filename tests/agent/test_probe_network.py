"""Probes against real sockets on the loopback: what is not trusted is still looked at, and nothing holds them."""

import socket
import ssl
import threading
import time
from contextlib import contextmanager, suppress

import pytest
from tests.agent.certificates import authority

from sereno_agent import probe_network
from sereno_agent.worker_host import WorkerHost
from sereno_proto.limits import PROBE_BODY_BYTES_MAX

pytestmark = pytest.mark.slow


@contextmanager
def listening(answer):
    """A server on the loopback that hands each connection to `answer`; gives its port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        ended = threading.Event()

        def serve():
            while not ended.is_set():
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=guarded, args=(connection,), daemon=True).start()

        def guarded(connection):
            with connection, suppress(OSError, ssl.SSLError):
                answer(connection)

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
        ended.set()


def test_a_port_that_listens_and_one_that_does_not():
    with listening(lambda _: None) as port:
        assert probe_network.connect("127.0.0.1", port, 5.0).error == ""
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    assert "refused" in probe_network.connect("127.0.0.1", port, 5.0).error
    assert probe_network.connect("no-such-host.invalid", 1, 5.0).error


def test_a_certificate_that_nobody_trusts_is_shown_with_its_chain(tmp_path):
    made = authority()
    key, chain = made.pair("localhost")
    (tmp_path / "key").write_bytes(key)
    (tmp_path / "chain").write_bytes(chain)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "chain", tmp_path / "key")

    def answer(connection):
        with context.wrap_socket(connection, server_side=True) as secured:
            secured.recv(1)

    with listening(answer) as port:
        shown = probe_network.shake("localhost", port, 10.0)
    assert shown.error == ""
    assert "issuer" in shown.distrust or "self" in shown.distrust
    assert [one.subject for one in shown.chain] == ["CN=localhost", "CN=test authority"]
    assert shown.chain[0].names == ("localhost",)
    assert shown.protocol == "TLSv1.3"
    found, error = probe_network.certificates(str(tmp_path / "chain"))
    assert (len(found), error) == (2, "")
    assert probe_network.certificates(str(tmp_path))[1]


def test_what_speaks_no_tls_or_is_silent_gives_words():
    with listening(lambda connection: connection.sendall(b"220 mail ready\r\n")) as port:
        assert probe_network.shake("localhost", port, 5.0).error
    with listening(lambda connection: connection.recv(65536) and time.sleep(30)) as port:
        assert probe_network.shake("localhost", port, 0.3).error


def http(body, status="200 OK", more=""):
    def answer(connection):
        connection.recv(65536)
        connection.sendall(f"HTTP/1.1 {status}\r\n{more}Connection: close\r\n\r\n".encode() + body)

    return answer


def test_an_answer_is_bounded_and_nothing_is_followed():
    with listening(http(b"x" * (PROBE_BODY_BYTES_MAX + 5000))) as port:
        answer = probe_network.fetch(f"http://localhost:{port}/a?b=c", 10.0)
        assert (answer.status, len(answer.body)) == (200, PROBE_BODY_BYTES_MAX)
    with listening(http(b"", "302 Found", "Location: http://localhost:1/\r\n")) as port:
        assert probe_network.fetch(f"http://localhost:{port}/", 10.0).status == 302
    with listening(http(b"", "nonsense")) as port:
        assert probe_network.fetch(f"http://localhost:{port}/", 10.0).error


def test_one_that_sends_a_byte_now_and_then_does_not_hold_a_check():
    def drip(connection):
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        for _ in range(300):
            connection.sendall(b"x")
            time.sleep(0.1)

    with listening(drip) as port:
        answer = WorkerHost().fetch(f"http://localhost:{port}/", 1.0)
    assert (answer.status, answer.error) == (0, "no whole answer in time")
