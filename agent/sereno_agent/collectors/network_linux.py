"""Network interfaces: bytes, packets, errors and drops as counters, link state and speed.

The loopback, containers' ends and interfaces that never carried anything are left out.
"""

from typing import Final

from sereno_agent.host import Host
from sereno_agent.reading import Collect, Reading, Surroundings
from sereno_diagnostics import procfs

INTERFACES_MAX: Final = 128
_LEFT_OUT: Final = ("lo", "veth")
_LINK_S: Final = 60.0  # how long a link's speed is believed
_MEGABIT: Final = 1_000_000
# columns of /proc/net/dev behind the name
_COUNTERS: Final = {
    "network_received_bytes": 0,
    "network_received_packets": 1,
    "network_received_errors": 2,
    "network_received_drops": 3,
    "network_sent_bytes": 8,
    "network_sent_packets": 9,
    "network_sent_errors": 10,
    "network_sent_drops": 11,
}


def make(surroundings: Surroundings) -> Collect:
    """Keeps the links' speeds for a while: some drivers ask the hardware for it."""
    host, clock = surroundings.host, surroundings.monotonic
    speeds: dict[str, int | None] = {}
    asked_at = float("-inf")

    def collect(reading: Reading) -> None:
        nonlocal asked_at
        if clock() - asked_at >= _LINK_S:
            speeds.clear()
            asked_at = clock()
        used = [
            (interface, counts)
            for interface, counts in procfs.interfaces(host.read("/proc/net/dev") or "").items()
            if not interface.startswith(_LEFT_OUT) and counts[0] + counts[8]
        ]
        for interface, counts in used[:INTERFACES_MAX]:
            label = ("interface", interface)
            for name, column in _COUNTERS.items():
                reading.counter(name, counts[column], label)
            state = host.line(f"/sys/class/net/{interface}/operstate")
            if state:
                # Tunnels and the like never say more than "unknown".
                reading.gauge("network_up", state in {"up", "unknown"}, label)
            if interface not in speeds:
                speeds[interface] = _speed(host, interface)
            speed = speeds[interface]
            if speed:
                reading.gauge("network_speed_bits_per_second", speed, label)

    return collect


def _speed(host: Host, interface: str) -> int | None:
    megabits = host.integer(f"/sys/class/net/{interface}/speed")
    return megabits * _MEGABIT if megabits and megabits > 0 else None
