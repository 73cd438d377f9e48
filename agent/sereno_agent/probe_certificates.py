"""Reads certificates in a process of its own: the core does without cryptography.

Standard input: {"name": {"path": …} or {"listen": "host:port"}, …}. Standard output: {"name": {"not_before": epoch
seconds, "not_after": …} or {"error": …}, …}. Of a file with several, the one that ends first counts.
"""

import json
import os
import socket
import ssl
import stat
import sys
from typing import Any, Final

from cryptography import x509

FILE_BYTES_MAX: Final = 1 << 20
CONNECT_S: Final = 5.0


def main() -> None:
    """Answers the one request."""
    request = json.loads(sys.stdin.readline())  # the stream stays open: who starts a worker keeps it as a lifeline
    print(json.dumps({name: look(where) for name, where in request.items()}))  # noqa: T201


def look(where: dict[str, str]) -> dict[str, Any]:
    """When one certificate is valid, or why it cannot be said."""
    try:
        found = _listening(where["listen"]) if where.get("listen") else of_file(where["path"])
    except (OSError, ValueError) as error:
        return {"error": str(error)[:200]}
    first = min(found, key=lambda certificate: certificate.not_valid_after_utc)
    return {
        "not_before": first.not_valid_before_utc.timestamp(),
        "not_after": first.not_valid_after_utc.timestamp(),
    }


def of_file(path: str) -> list[x509.Certificate]:
    """Every certificate of a PEM or DER file. Raises OSError, ValueError."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    with open(fd, "rb") as file:  # noqa: PTH123, it is open already
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise ValueError("not a regular file")
        content = file.read(FILE_BYTES_MAX)
    if b"-----BEGIN" in content:
        return x509.load_pem_x509_certificates(content)
    return [x509.load_der_x509_certificate(content)]


def _listening(address: str) -> list[x509.Certificate]:
    """The certificate that a server shows. Whether it can be trusted is not asked: only when it ends."""
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with (
        socket.create_connection((host, int(port)), timeout=CONNECT_S) as connection,
        context.wrap_socket(connection, server_hostname=host) as secured,
    ):
        shown = secured.getpeercert(binary_form=True)
    if not shown:
        raise ValueError("no certificate was shown")
    return [x509.load_der_x509_certificate(shown)]


if __name__ == "__main__":
    main()
