"""Network settings: addresses, routes, resolvers, hosts, names, and the files that configure them."""

import socket
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import psutil

from sereno_agent.comparison import Comparison, State
from sereno_agent.host import Host
from sereno_agent.reading import Collect, Surroundings

INTERVAL_MS: Final = 30_000
_FILES: Final = ("/etc/hosts", "/etc/hostname", "/etc/nsswitch.conf", "/etc/network/interfaces")
_FOLDERS: Final = (
    "/etc/network/interfaces.d",
    "/etc/netplan",
    "/etc/systemd/network",
    "/etc/NetworkManager/system-connections",
    "/etc/sysconfig/network-scripts",
)
_PASSING: Final = ("veth", "docker", "br-", "cali", "flannel", "cni", "lxc", "tap", "vnet")
_TEMPORARY: Final = 0x01  # IPv6 privacy addresses change by themselves

Addresses = Callable[[], Mapping[str, Sequence[Any]]]


def make(surroundings: Surroundings) -> Collect:
    return Comparison("network_changes", lambda: read(surroundings.host, psutil.net_if_addrs), surroundings).collect


def read(host: Host, addresses: Addresses) -> State:
    """The settings in force and those in files."""
    values: dict[str, str] = {}
    facts: dict[str, str] = {}
    by_interface = interfaces(addresses(), temporary(host.read("/proc/net/if_inet6") or ""))
    for interface, found in by_interface.items():
        values[f"address {interface}"] = ", ".join(found)
        facts[f"network.{interface}"] = ", ".join(found)
    for route, gateway in routes(host.read("/proc/net/route") or "").items():
        values[f"route {route}"] = gateway
        facts[f"network.route.{route}"] = gateway
    resolvers = host.read("/etc/resolv.conf")
    if resolvers is not None:
        values["dns /etc/resolv.conf"] = _meaning(resolvers)
        lines = [line.split() for line in resolvers.splitlines()]
        servers = [words[1] for words in lines if words[:1] == ["nameserver"] and len(words) > 1]
        facts["network.resolvers"] = ", ".join(servers)
    for path in (*_FILES, *(f"{folder}/{name}" for folder in _FOLDERS for name in host.names(folder))):
        text = host.read(path)
        if text is not None:
            values[f"network {path}"] = _meaning(text)
    facts["system.name"] = host.line("/proc/sys/kernel/hostname")
    return State(values, facts)


def interfaces(found: Mapping[str, Sequence[Any]], left_out: frozenset[str]) -> dict[str, list[str]]:
    """Interface -> its lasting addresses with their prefix, and its hardware address."""
    lasting: dict[str, list[str]] = {}
    for interface, entries in sorted(found.items()):
        if interface == "lo" or interface.startswith(_PASSING):
            continue
        texts = [text for entry in entries if (text := _written(entry)) and text not in left_out]
        if texts:
            lasting[interface] = sorted(texts)
    return lasting


def _written(entry: Any) -> str:
    """One address with its prefix; empty for those that every interface has."""
    address = str(entry.address).partition("%")[0]
    if entry.family == socket.AF_INET:
        return f"{address}/{_prefix(entry.netmask)}" if entry.netmask else address
    if entry.family == socket.AF_INET6:
        return "" if address.startswith("fe80") else address
    return address if entry.family == psutil.AF_LINK and address.strip("0:") else ""


def temporary(text: str) -> frozenset[str]:
    """IPv6 addresses of /proc/net/if_inet6 that the kernel made for a while only."""
    found = set()
    for line in text.splitlines():
        words = line.split()
        if len(words) == 6 and int(words[4], 16) & _TEMPORARY:  # noqa: PLR2004, as the kernel writes it
            found.add(socket.inet_ntop(socket.AF_INET6, bytes.fromhex(words[0])))
    return frozenset(found)


def routes(text: str) -> dict[str, str]:
    """/proc/net/route: where packets that have a gateway go. `default` is the route of everything else."""
    found = {}
    for line in text.splitlines()[1:]:
        words = line.split()
        if len(words) < 8 or words[2] == "00000000" or words[0].startswith(_PASSING):  # noqa: PLR2004
            continue
        target = f"{_address(words[1])}/{_prefix(_address(words[7]))}"
        found["default" if target == "0.0.0.0/0" else target] = f"via {_address(words[2])} on {words[0]}"
    return found


def _address(hexadecimal: str) -> str:
    return socket.inet_ntoa(bytes.fromhex(hexadecimal)[::-1])


def _prefix(netmask: str) -> int:
    return int.from_bytes(socket.inet_aton(netmask), "big").bit_count()


def _meaning(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.splitlines() if line.strip() and not line.startswith(("#", ";")))
