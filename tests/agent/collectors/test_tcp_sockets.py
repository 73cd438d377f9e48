"""TCP sockets over netlink: the same as /proc/net/tcp says, and nothing where the kernel does not answer."""

import socket
import struct
import sys
from pathlib import Path

import pytest

from sereno_agent import tcp_sockets
from sereno_agent.host import Host
from sereno_agent.tcp_sockets import TcpSocket


def message(kind: int, body: bytes) -> bytes:
    return struct.pack("=IHHII", 16 + len(body), kind, 2, 1, 0) + body


def one(family: int, state: int, port: int, address: bytes, inode: int) -> bytes:
    """struct inet_diag_msg."""
    ends = struct.pack(">HH", port, 0) + address.ljust(16, b"\0") + b"\0" * 16 + b"\0" * 12
    return message(20, struct.pack("=BBBB", family, state, 0, 0) + ends + struct.pack("=IIIII", 0, 0, 0, 0, inode))


def test_an_answer_in_parts_is_put_together() -> None:
    found: list[TcpSocket] = []
    first = one(2, 10, 22, b"\x7f\0\0\1", 11) + one(10, 1, 443, bytes(15) + b"\1", 12)
    assert tcp_sockets.parse(first, found) is None
    assert tcp_sockets.parse(message(3, b"\0\0\0\0"), found) is True
    assert found == [TcpSocket(b"\x7f\0\0\1", 22, "0A", "11"), TcpSocket(bytes(15) + b"\1", 443, "01", "12")]


def test_an_error_or_nonsense_is_no_answer() -> None:
    assert tcp_sockets.parse(message(2, struct.pack("=i", -2)), []) is False
    assert tcp_sockets.parse(b"\0" * 64, []) is False
    assert tcp_sockets.parse(b"", []) is None


def test_a_recorded_machine_is_read_from_its_files(tmp_path: Path) -> None:
    assert tcp_sockets.read(Host(str(tmp_path))) is None
    (tmp_path / "proc/net").mkdir(parents=True)
    line = "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 77 1 0 100\n"
    (tmp_path / "proc/net/tcp").write_text("  sl  local_address rem_address   st\n" + line)
    assert tcp_sockets.read(Host(str(tmp_path))) == [TcpSocket(b"\x7f\0\0\1", 8080, "0A", "77")]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="netlink is Linux's")
def test_the_kernel_says_the_same_as_its_files() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as four,
        socket.create_server(("::1", 0), family=socket.AF_INET6) as six,
    ):
        ours = {four.getsockname()[1], six.getsockname()[1]}
        asked = tcp_sockets.ask(1 << 10)
        if asked is None:
            pytest.skip("this kernel does not answer over netlink")
        host = Host()
        texts = [host.read(f"/proc/net/{name}") or "" for name in ("tcp", "tcp6")]
        listed = [one for text in texts for one in tcp_sockets.from_text(text, tcp_sockets.LISTEN)]
        mine = [one for one in asked if one.port in ours]
        assert len(mine) == 2
        assert sorted(mine) == sorted(one for one in listed if one.port in ours)
