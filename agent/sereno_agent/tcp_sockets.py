"""The machine's TCP sockets: asked of the kernel over netlink as `ss` does, else read from /proc/net/tcp and tcp6.

The kernel walks its whole hash table for each of those files: 4 ms a file on a machine of 24 GB, where netlink's answer
for both families takes 0.3 ms, and 0.03 ms for what listens. Where it is not to be had (a sandbox, a kernel without
it), and of recorded machines, the files are read. Message layouts: linux/inet_diag.h, linux/netlink.h.
"""

import socket
import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

from sereno_agent.host import Host

LISTEN: Final = "0A"
_EVERY_STATE: Final = 0x1FFE  # bit n is the state n, 1 to 12
_NETLINK_SOCK_DIAG: Final = 4
_GET_SOCKETS: Final = 18  # of both families in one answer (TCPDIAG_GETSOCK)
_REQUEST_DUMP: Final = 0x301
_ERROR, _DONE = 2, 3
_HEADER: Final = struct.Struct("=IHHII")  # length, type, flags, sequence, port
_REQUEST: Final = struct.Struct("=4x48xII")  # family and ports left open; states, flags
_SOCKET: Final = struct.Struct("=BB2x2s2x16s16x4x8x16xI")  # family, state, port, address, inode
_ANSWER_BYTES: Final = 16_384
_TIMEOUT_S: Final = 5.0


class TcpSocket(NamedTuple):
    """One socket's own end. state: two hex digits as in /proc/net/tcp; address: 4 or 16 bytes in network order."""

    address: bytes
    port: int
    state: str
    inode: str


def read(host: Host, *, listening: bool = False) -> list[TcpSocket] | None:
    """Every socket, or those that listen; None when the machine does not tell."""
    if not host.root:
        asked = ask(1 << int(LISTEN, 16) if listening else _EVERY_STATE)
        if asked is not None:
            return asked
    found: list[TcpSocket] = []
    known = False
    for name in ("tcp", "tcp6"):
        text = host.recent(f"/proc/net/{name}")
        known |= text is not None
        found += from_text(text or "", LISTEN if listening else "")
    return found if known else None


def from_text(text: str, state: str = "") -> Iterator[TcpSocket]:
    """/proc/net/tcp, tcp6, udp, udp6: the sockets, or those in one state."""
    for line in text.splitlines()[1:]:
        words = line.split(None, 10)
        if len(words) > 9 and (not state or words[3] == state):  # noqa: PLR2004, the inode is the tenth word
            address, _, port = words[1].rpartition(":")
            yield TcpSocket(packed(address), int(port, 16), words[3], words[9])


def packed(address: str) -> bytes:
    """An address as /proc/net/tcp writes it: each group of eight digits is one word in the host's order."""
    return b"".join(bytes.fromhex(address[start : start + 8])[::-1] for start in range(0, len(address), 8))


def ask(states: int) -> list[TcpSocket] | None:
    """The sockets in these states (a bit each) from the kernel; None when it does not answer."""
    found: list[TcpSocket] = []
    try:
        # 16 is AF_NETLINK, which Python names on Linux only.
        with socket.socket(16, socket.SOCK_RAW, _NETLINK_SOCK_DIAG) as kernel:
            kernel.settimeout(_TIMEOUT_S)
            body = _REQUEST.pack(states, 0)
            kernel.send(_HEADER.pack(_HEADER.size + len(body), _GET_SOCKETS, _REQUEST_DUMP, 1, 0) + body)
            while (ended := parse(kernel.recv(_ANSWER_BYTES), found)) is None:
                pass
    except (OSError, struct.error):
        return None
    return found if ended else None


def parse(answer: bytes, found: list[TcpSocket]) -> bool | None:
    """Adds what one part of the answer holds; True after the last part, False for an error, None while more follows."""
    place = 0
    while place + _HEADER.size <= len(answer):
        length, kind, *_ = _HEADER.unpack_from(answer, place)
        if kind in {_ERROR, _DONE} or length < _HEADER.size:
            return bool(kind == _DONE)
        family, state, port, address, inode = _SOCKET.unpack_from(answer, place + _HEADER.size)
        own = address[:4] if family == socket.AF_INET else address
        found.append(TcpSocket(own, int.from_bytes(port, "big"), f"{state:02X}", str(inode)))
        place += length + 3 & ~3
    return None
