"""The worker that reads certificates: files of both kinds, several in one, and what is none."""

import contextlib
import json
import socket
import ssl
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from sereno_agent.collectors import certificates
from sereno_agent.host import Host
from sereno_agent.probe_certificates import look

START = datetime(2026, 1, 1, tzinfo=UTC)


def certificate(days, key=None):
    key = key or ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([])
    built = x509.CertificateBuilder(name, name, key.public_key(), 1, START, START + timedelta(days=days))
    return built.sign(key, hashes.SHA256())


def test_of_several_in_one_file_the_first_to_end_counts(tmp_path):
    chain = b"".join(certificate(days).public_bytes(serialization.Encoding.PEM) for days in (90, 30, 365))
    (tmp_path / "chain.pem").write_bytes(chain)
    found = look({"path": str(tmp_path / "chain.pem")})
    assert found == {
        "not_before": START.timestamp(),
        "not_after": (START + timedelta(days=30)).timestamp(),
    }


def test_a_binary_certificate_is_read_too(tmp_path):
    (tmp_path / "one.der").write_bytes(certificate(10).public_bytes(serialization.Encoding.DER))
    assert look({"path": str(tmp_path / "one.der")})["not_after"] == (START + timedelta(days=10)).timestamp()


@pytest.mark.parametrize(
    "content", [b"", b"nothing", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_what_is_no_certificate_is_an_error_that_says_so(tmp_path, content):
    (tmp_path / "x").write_bytes(content)
    assert set(look({"path": str(tmp_path / "x")})) == {"error"}
    assert set(look({"path": str(tmp_path)})) == {"error"}
    assert set(look({"listen": "127.0.0.1:1"})) == {"error"}


@pytest.mark.slow
def test_the_worker_answers_one_request(tmp_path):
    (tmp_path / "one.pem").write_bytes(certificate(10).public_bytes(serialization.Encoding.PEM))
    done = subprocess.run(
        [sys.executable, "-m", "sereno_agent.probe_certificates"],
        input=json.dumps({"site": {"path": str(tmp_path / "one.pem")}, "gone": {"path": "/nowhere"}}),
        capture_output=True,
        text=True,
        check=True,
    )
    told = json.loads(done.stdout)
    assert told["site"]["not_before"] == START.timestamp()
    assert "No such file" in told["gone"]["error"]


@pytest.mark.slow
def test_it_answers_the_core_which_keeps_the_stream_open(tmp_path):
    (tmp_path / "one.der").write_bytes(certificate(10).public_bytes(serialization.Encoding.DER))
    request = json.dumps({"one": {"path": str(tmp_path / "one.der")}}).encode() + b"\n"
    answer = Host().ask(*certificates._PROBE, request=request, timeout_s=20.0)
    assert json.loads(answer)["one"]["not_before"] == START.timestamp()


def test_what_something_shows_where_it_listens_is_read(tmp_path):
    key = ec.generate_private_key(ec.SECP256R1())
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    shown = certificate(20, key).public_bytes(serialization.Encoding.PEM)
    (tmp_path / "server.pem").write_bytes(private + shown)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem")
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve():
            connection, _ = listening.accept()
            # The probe hangs up as soon as it has seen the certificate.
            with contextlib.suppress(OSError), context.wrap_socket(connection, server_side=True) as secured:
                secured.recv(1)

        server = threading.Thread(target=serve)
        server.start()
        found = look({"listen": f"127.0.0.1:{listening.getsockname()[1]}"})
        server.join(10)
    assert found["not_after"] == (START + timedelta(days=20)).timestamp()
