"""TCP connections by state, and the ports that something listens on: `port_listening` is 1 for each."""

from collections import Counter
from typing import Final

from sereno_agent import tcp_sockets
from sereno_agent.reading import Collect, Reading, Surroundings
from sereno_diagnostics import procfs

INTERVAL_MS: Final = 60_000
PORTS_MAX: Final = 256
_UNCONNECTED: Final = "07"
_RANGE: Final = "/proc/sys/net/ipv4/ip_local_port_range"
_EPHEMERAL: Final = "32768"  # from here up a UDP socket is most likely one end of a question just asked


def make(surroundings: Surroundings) -> Collect:
    host = surroundings.host

    def collect(reading: Reading) -> None:
        states: Counter[str] = Counter()
        listening: set[tuple[int, str]] = set()
        connections = tcp_sockets.read(host)
        if connections is None:
            return
        for one in connections:
            states[one.state] += 1
            if one.state == tcp_sockets.LISTEN:
                listening.add((one.port, "tcp"))
        ephemeral = int((host.line(_RANGE).split() or [_EPHEMERAL])[0])
        for path in ("udp", "udp6"):
            for port, state in procfs.sockets(host.recent(f"/proc/net/{path}") or ""):
                if state == _UNCONNECTED and port < ephemeral:
                    listening.add((port, "udp"))
        for code, state in procfs.TCP_STATES.items():
            reading.gauge("tcp_connections", states[code], ("state", state))
        reading.gauge("ports_listening", len(listening))
        for port, protocol in sorted(listening)[:PORTS_MAX]:
            reading.gauge("port_listening", 1, ("port", str(port)), ("protocol", protocol))

    return collect
