"""Which certificates a server shows, asked before anything is believed or sent."""

import contextlib
import socket
import ssl
from typing import Any, Final

from sereno_proto.errors import BadInput

CONNECT_S_MAX: Final = 15.0


def server_chain(address: str) -> list[bytes]:
    """The DER of each certificate, leaf first. Raises E_SERVER_UNREACHABLE. Nothing is verified and nothing sent."""
    host, _, port = address.rpartition(":")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # the caller compares the chain with a digest that it has from a person
    context.set_alpn_protocols(["h2"])
    try:
        with (
            socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_S_MAX) as plain,
            context.wrap_socket(plain, server_hostname="sereno-server") as secured,
        ):
            return _chain(secured)
    except (OSError, ValueError) as error:
        raise BadInput("E_SERVER_UNREACHABLE", f"{address} does not answer: {error}") from error


def _chain(secured: ssl.SSLSocket) -> list[bytes]:
    with contextlib.suppress(AttributeError):
        return list(secured.get_unverified_chain())  # type: ignore[attr-defined]  # Python 3.13
    # Before 3.13 the same lies one level down, as certificate objects.
    import _ssl  # noqa: PLC0415

    inner: Any = secured._sslobj  # type: ignore[attr-defined]  # noqa: SLF001
    return [certificate.public_bytes(_ssl.ENCODING_DER) for certificate in inner.get_unverified_chain() or ()]
