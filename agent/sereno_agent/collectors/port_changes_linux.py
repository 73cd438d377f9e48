"""Ports that something listens on, at which address, and whose they are (as far as the agent may see).

A port counts once two readings saw it: what listens for a moment only is nobody's change. One that comes and goes is
one line that says how often.
"""

import os
import socket
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from sereno_agent import tcp_sockets
from sereno_agent.comparison import Comparison, Read, State
from sereno_agent.flapping import Flapping
from sereno_agent.host import Host
from sereno_agent.reading import Collect, Surroundings

INTERVAL_MS: Final = 60_000
APART: Final = True
_UNCONNECTED: Final = "07"
_PROCESSES_MAX: Final = 4000

Port = tuple[str, int]  # protocol, port
Listening = dict[Port, dict[str, str]]  # -> address -> inode of the socket


def make(surroundings: Surroundings) -> Collect:
    return Comparison("port_changes", reader(surroundings.host, surroundings.monotonic), surroundings).collect


def reader(host: Host, monotonic: Callable[[], float]) -> Read:
    """Remembers what the reading before saw, whose each port was, and which come and go."""
    before: set[Port] | None = None
    owners: dict[str, str] = {}
    flapping = Flapping(monotonic)

    def read() -> State:
        nonlocal before, owners
        now = listening(host)
        steady = {port: found for port, found in now.items() if before is None or port in before}
        before = set(now)
        inodes = {inode for found in steady.values() for inode in found.values()}
        if inodes - owners.keys():
            owners = dict.fromkeys(inodes, "") | dict(_owners(host, inodes))
        texts = {f"{protocol}/{port}": _text(found, owners) for (protocol, port), found in steady.items()}
        texts = flapping.calmed(texts)
        values = {f"port {name}": text for name, text in texts.items()}
        return State(values, {f"port.{name}": text for name, text in texts.items()})

    return read


def listening(host: Host) -> Listening:
    """Listening ports; of those that the kernel gives out by itself, only TCP that others can reach.

    Programs let the kernel choose a port to talk to themselves (test runners, language servers, IDEs): nobody's change.
    """
    ephemeral = int((host.line("/proc/sys/net/ipv4/ip_local_port_range").split() or ["32768"])[0])
    found: Listening = {}
    for one in tcp_sockets.read(host, listening=True) or ():
        address = readable(one.address)
        if one.port < ephemeral or not _loopback(address):
            found.setdefault(("tcp", one.port), {})[address] = one.inode
    for file in ("udp", "udp6"):
        for one in tcp_sockets.from_text(host.recent(f"/proc/net/{file}") or "", _UNCONNECTED):
            if one.port < ephemeral:
                found.setdefault(("udp", one.port), {})[readable(one.address)] = one.inode
    return found


def _loopback(address: str) -> bool:
    return address.startswith("127.") or address == "::1"


def readable(packed: bytes) -> str:
    """An address of 4 or 16 bytes as people write it."""
    if not any(packed):
        return "every address"
    if len(packed) == 4:  # noqa: PLR2004, IPv4
        return socket.inet_ntoa(packed)
    text = socket.inet_ntop(socket.AF_INET6, packed)
    return text.removeprefix("::ffff:") if "." in text else text


def _text(found: Mapping[str, str], owners: Mapping[str, str]) -> str:
    where = ", ".join(sorted(found))
    who = ", ".join(sorted({owners.get(inode, "") for inode in found.values()} - {""}))
    return f"{where}, {who}" if who else where


def _owners(host: Host, inodes: set[str]) -> Iterator[tuple[str, str]]:
    wanted = {f"socket:[{inode}]": inode for inode in inodes}
    for number in [name for name in host.names("/proc") if name.isdigit()][:_PROCESSES_MAX]:
        folder = f"{host.root}/proc/{number}/fd"
        for descriptor in host.names(f"/proc/{number}/fd"):
            try:
                target = os.readlink(f"{folder}/{descriptor}")  # noqa: PTH115, thousands of them
            except OSError:
                continue
            if target in wanted:
                yield wanted[target], host.line(f"/proc/{number}/comm")
