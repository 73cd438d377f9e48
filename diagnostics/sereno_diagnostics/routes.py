"""Routes and neighbours as Linux gives them in /proc/net. Pure: text in, figures out."""

import ipaddress
from typing import Final, NamedTuple

_GATEWAY: Final = 0x2
_REJECT: Final = 0x200


class Route(NamedTuple):
    """One default route. gateway: empty when it leads straight onto the wire."""

    interface: str
    gateway: str
    metric: int


def parse(text: str) -> list[Route]:
    """/proc/net/route, the default routes, the preferred first. Addresses stand in the host's order."""
    found = []
    for line in text.splitlines()[1:]:
        words = line.split()
        if len(words) > 7 and words[1] == words[7] == "00000000" and not int(words[3], 16) & _REJECT:  # noqa: PLR2004
            gateway = ipaddress.IPv4Address(bytes.fromhex(words[2])[::-1]) if int(words[3], 16) & _GATEWAY else ""
            found.append(Route(words[0], str(gateway), int(words[6])))
    return sorted(found, key=lambda route: route.metric)


def parse_v6(text: str) -> list[Route]:
    """/proc/net/ipv6_route, the default routes, the preferred first."""
    found = []
    for line in text.splitlines():
        words = line.split()
        if len(words) > 9 and words[0] == "0" * 32 and words[1] == "00" and words[9] != "lo":  # noqa: PLR2004
            gateway = ipaddress.IPv6Address(bytes.fromhex(words[4]))
            found.append(Route(words[9], str(gateway) if int(gateway) else "", int(words[5], 16)))
    return sorted(found, key=lambda route: route.metric)


def neighbours(text: str) -> set[str]:
    """/proc/net/arp: the addresses that were seen on the wire."""
    rows = (line.split() for line in text.splitlines()[1:])
    return {row[0] for row in rows if len(row) > 3 and row[3] != "00:00:00:00:00:00"}  # noqa: PLR2004
