"""Ports that something listens on, at which address, and whose they are (as far as the agent may see).

A port counts once two readings saw it: what listens for a moment only is nobody's change.
"""

import os
from collections.abc import Iterator, Mapping
from typing import Final

from sereno_agent.comparison import Comparison, Read, State
from sereno_agent.host import Host
from sereno_agent.reading import Collect, Surroundings

INTERVAL_MS: Final = 60_000
APART: Final = True
_STATE: Final = {"tcp": "0A", "udp": "07"}  # listening, and unconnected
_PROCESSES_MAX: Final = 4000

Port = tuple[str, int]  # protocol, port
Listening = dict[Port, dict[str, str]]  # -> address -> inode of the socket


def make(surroundings: Surroundings) -> Collect:
    return Comparison("port_changes", reader(surroundings.host), surroundings).collect


def reader(host: Host) -> Read:
    """Remembers what the reading before saw, and whose each port was."""
    before: set[Port] | None = None
    owners: dict[str, str] = {}

    def read() -> State:
        nonlocal before, owners
        now = listening(host)
        steady = {port: found for port, found in now.items() if before is None or port in before}
        before = set(now)
        inodes = {inode for found in steady.values() for inode in found.values()}
        if inodes - owners.keys():
            owners = dict.fromkeys(inodes, "") | dict(_owners(host, inodes))
        texts = {f"{protocol}/{port}": _text(found, owners) for (protocol, port), found in steady.items()}
        values = {f"port {name}": text for name, text in texts.items()}
        return State(values, {f"port.{name}": text for name, text in texts.items()})

    return read


def listening(host: Host) -> Listening:
    """Listening ports; UDP only below the ports that the kernel gives to clients."""
    ephemeral = int((host.line("/proc/sys/net/ipv4/ip_local_port_range").split() or ["32768"])[0])
    found: Listening = {}
    for protocol, state in _STATE.items():
        for file in (protocol, f"{protocol}6"):
            for address, port, inode in _sockets(host.recent(f"/proc/net/{file}") or "", state):
                if protocol == "tcp" or port < ephemeral:
                    found.setdefault((protocol, port), {})[address] = inode
    return found


def _sockets(text: str, state: str) -> Iterator[tuple[str, int, str]]:
    for line in text.splitlines()[1:]:
        words = line.split()
        if len(words) > 9 and words[3] == state:  # noqa: PLR2004, the inode is the tenth word
            address, _, port = words[1].rpartition(":")
            yield readable(address), int(port, 16), words[9]


def readable(address: str) -> str:
    """An address of /proc/net/tcp as people write it. Each group of eight digits is one word in the host's order."""
    import socket  # noqa: PLC0415, loaded already where there is a network

    packed = b"".join(bytes.fromhex(address[start : start + 8])[::-1] for start in range(0, len(address), 8))
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
