"""What listens, from /proc/net/tcp and its like. Pure: text in, ports out."""

import ipaddress
from collections.abc import Iterator, Mapping
from typing import Final

EVERY: Final = "every address"
_STATE: Final = {"tcp": "0A", "udp": "07"}  # listening, and unconnected

Port = tuple[str, int]  # protocol, port
Listening = dict[Port, dict[str, str]]  # -> address -> inode of the socket


def parse(texts: Mapping[str, str], ephemeral: int) -> Listening:
    """Ports by protocol and number; UDP only below the ports that the kernel gives to clients.

    texts: tcp, tcp6, udp and udp6 of /proc/net.
    """
    found: Listening = {}
    for protocol, state in _STATE.items():
        for file in (protocol, f"{protocol}6"):
            for address, port, inode in _sockets(texts.get(file, ""), state):
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
    packed = b"".join(bytes.fromhex(address[start : start + 8])[::-1] for start in range(0, len(address), 8))
    if not any(packed):
        return EVERY
    if len(packed) == 4:  # noqa: PLR2004, IPv4
        return str(ipaddress.IPv4Address(packed))
    address_v6 = ipaddress.IPv6Address(packed)
    return str(address_v6.ipv4_mapped or address_v6)
