"""TCP connections by state, and the ports that something listens on: `port_listening` is 1 for each."""

from collections import Counter
from typing import Final

from sereno_agent.reading import Collect, Reading, Surroundings
from sereno_diagnostics import procfs

INTERVAL_MS: Final = 60_000
PORTS_MAX: Final = 256
_LISTEN: Final = "0A"
_UNCONNECTED: Final = "07"
_RANGE: Final = "/proc/sys/net/ipv4/ip_local_port_range"
_EPHEMERAL: Final = "32768"  # from here up a UDP socket is most likely one end of a question just asked


def make(surroundings: Surroundings) -> Collect:
    host = surroundings.host

    def collect(reading: Reading) -> None:
        states: Counter[str] = Counter()
        listening: set[tuple[int, str]] = set()
        known = False
        ephemeral = int((host.line(_RANGE).split() or [_EPHEMERAL])[0])
        for protocol, path in (("tcp", "tcp"), ("tcp", "tcp6"), ("udp", "udp"), ("udp", "udp6")):
            text = host.recent(f"/proc/net/{path}")
            known |= text is not None and protocol == "tcp"
            for port, state in procfs.sockets(text or ""):
                if protocol == "tcp":
                    states[state] += 1
                if state == _LISTEN or (protocol == "udp" and state == _UNCONNECTED and port < ephemeral):
                    listening.add((port, protocol))
        if not known:
            return
        for code, state in procfs.TCP_STATES.items():
            reading.gauge("tcp_connections", states[code], ("state", state))
        reading.gauge("ports_listening", len(listening))
        for port, protocol in sorted(listening)[:PORTS_MAX]:
            reading.gauge("port_listening", 1, ("port", str(port)), ("protocol", protocol))

    return collect
