"""Who is at the other end of a Unix socket, by the kernel's word."""

import socket
import struct
from collections.abc import Collection
from typing import Final

from sereno_proto.errors import Refused

_CREDENTIALS: Final = struct.Struct("3i")  # process, user, group


def require_peer(peer: socket.socket, allowed: Collection[int]) -> None:
    """Raises E_PEER unless the process that made the other end ran as one of these users."""
    if not hasattr(socket, "SO_PEERCRED"):
        raise Refused("E_PEER", "this system does not tell who is at the other end of a socket")
    _, user, _ = _CREDENTIALS.unpack(peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
    if user not in allowed:
        raise Refused("E_PEER", f"user {user} is at the other end, expected {' or '.join(map(str, sorted(allowed)))}")
