"""Connects, shakes hands and fetches for checks. Only a check's worker imports this.

Every address comes from the local policy; nothing is followed anywhere else, and nothing is sent but the request.
"""

import http.client
import socket
import ssl
import time
from typing import Any, Final
from urllib.parse import urlsplit

from cryptography import x509

from sereno_agent import probe_certificates
from sereno_diagnostics.machine import Connected, Fetched, Handshake, Shown
from sereno_proto.limits import PROBE_BODY_BYTES_MAX

_CHAIN_MAX: Final = 10
_NAMES_MAX: Final = 20
_PATH_CHARS_MAX: Final = 2048


def connect(host: str, port: int, timeout_s: float) -> Connected:
    """Opens a TCP connection and closes it."""
    started = time.monotonic()
    try:
        with socket.create_connection((host, port), timeout=timeout_s) as connection:
            return Connected(time.monotonic() - started, "", str(connection.getpeername()[0]))
    except (OSError, UnicodeError) as error:
        return Connected(time.monotonic() - started, _words(error))


def shake(host: str, port: int, timeout_s: float) -> Handshake:
    """Two handshakes: one as any client here would make it, and when that fails one that looks without trusting."""
    started = time.monotonic()
    try:
        return _shake(host, port, timeout_s, _trusting())
    except ssl.SSLCertVerificationError as error:
        distrust = error.verify_message or _words(error)
    except (OSError, UnicodeError) as error:
        return Handshake(time.monotonic() - started, _words(error))
    try:
        return _shake(host, port, timeout_s, _looking())._replace(distrust=distrust)
    except (OSError, ValueError) as error:
        return Handshake(time.monotonic() - started, _words(error), distrust)


def certificates(path: str) -> tuple[list[Shown], str]:
    """The certificates of a PEM or DER file, or why they cannot be read."""
    try:
        return [_shown(one) for one in probe_certificates.of_file(path)], ""
    except (OSError, ValueError) as error:
        return [], _words(error)


def fetch(url: str, timeout_s: float) -> Fetched:
    """One GET without cookies, credentials, proxies or redirects; gives the answer's beginning."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    started = time.monotonic()
    connection = kind(parts.hostname or "", parts.port, timeout=timeout_s)
    try:
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("GET", path[:_PATH_CHARS_MAX], headers={"User-Agent": "sereno-agent", "Accept": "*/*"})
        answer = connection.getresponse()
        body = answer.read(PROBE_BODY_BYTES_MAX)
        kept = body.decode("utf-8", "replace")
        return Fetched(answer.status, time.monotonic() - started, "", kept, answer.headers.get("Content-Type", ""))
    except (OSError, http.client.HTTPException, ValueError) as error:
        return Fetched(0, time.monotonic() - started, _words(error))
    finally:
        connection.close()


def _shake(host: str, port: int, timeout_s: float, context: ssl.SSLContext) -> Handshake:
    started = time.monotonic()
    with (
        socket.create_connection((host, port), timeout=timeout_s) as connection,
        context.wrap_socket(connection, server_hostname=host) as secured,
    ):
        seconds = time.monotonic() - started
        cipher = secured.cipher()
        chain = tuple(_shown(x509.load_der_x509_certificate(one)) for one in _chain(secured)[:_CHAIN_MAX])
        return Handshake(seconds, "", "", secured.version() or "", cipher[0] if cipher else "", chain)


def _chain(secured: ssl.SSLSocket) -> list[bytes]:
    """What the server sent, its own certificate first; where this Python cannot tell the rest, that one alone."""
    inner: Any = getattr(secured, "_sslobj", None)
    if hasattr(secured, "get_unverified_chain"):  # Python 3.13
        return list(secured.get_unverified_chain())
    if hasattr(inner, "get_unverified_chain"):  # 3.10 to 3.12 have it one layer below
        return [ssl.PEM_cert_to_DER_cert(one.public_bytes()) for one in inner.get_unverified_chain()]
    own = secured.getpeercert(binary_form=True)
    return [own] if own else []


def _shown(certificate: x509.Certificate) -> Shown:
    try:
        alternatives = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        names = tuple(str(name.value) for name in alternatives)[:_NAMES_MAX]
    except (x509.ExtensionNotFound, ValueError):
        names = ()
    return Shown(
        certificate.subject.rfc4514_string(),
        certificate.issuer.rfc4514_string(),
        certificate.not_valid_before_utc.timestamp(),
        certificate.not_valid_after_utc.timestamp(),
        names,
    )


def _trusting() -> ssl.SSLContext:
    return ssl.create_default_context()


def _looking() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _words(error: BaseException) -> str:
    text = "no answer in time" if isinstance(error, TimeoutError) else getattr(error, "strerror", None) or str(error)
    return " ".join(str(text).split())[:200] or type(error).__name__
