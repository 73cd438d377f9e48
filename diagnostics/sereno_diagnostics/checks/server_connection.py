"""How well this machine reaches its Sereno server: connecting, round trips, repeats and the rate it got."""

from sereno_diagnostics import sockets
from sereno_diagnostics.findings import FAILING, FINE, NOTE, SERIOUS, finding, untold
from sereno_diagnostics.parameters import Values
from sereno_diagnostics.reading import Reader
from sereno_proto.limits import PROBE_TIMEOUT_S
from sereno_proto.v1.runs_pb2 import Finding

TITLE = "Connection to the server"
PARAMETERS = ()
READS = ("connect", "connections")
SEVERITIES = {
    "failing": "no connection",
    "serious": "5 % of what was sent was repeated",
    "note": "300 ms or longer",
}
FIGURES = {
    "connect_ms": "how long connecting took",
    "round_trip_ms": "smoothed, of the open connection; missing where there is none",
    "rate_bits_per_s": "at which the open connection delivered last: what it used, not what it could",
    "repeated_percent": "bytes sent again, of the open connection",
}
TRIES = 3
_SLOW_MS, _REPEATED = 300.0, 5.0


def check(_values: Values, reader: Reader) -> list[Finding]:
    """One finding. The server's address is the one that joining wrote down."""
    host, _, port = reader.allowed.server.rpartition(":")
    if not host:
        return untold("The way to the server", "this machine has not joined one")
    tries = [reader.probe("connect").connect(host.strip("[]"), int(port), PROBE_TIMEOUT_S) for _ in range(TRIES)]
    good = [one for one in tries if not one.error]
    if not good:
        return [
            finding(FAILING, f"The server cannot be reached: {tries[0].error}", evidence=[("server", f"{host}:{port}")])
        ]
    best = min(one.seconds for one in good) * 1000
    figures = {"connect_ms": best}
    told = reader.told("connections", address=good[0].address) or ""
    open_ones = [one for one in sockets.parse(told) if one.port == int(port)]
    if open_ones:
        busiest = max(open_ones, key=lambda one: one.sent_bytes)
        figures |= {
            "round_trip_ms": busiest.round_trip_ms,
            "rate_bits_per_s": busiest.rate_bits_per_s,
            "repeated_percent": 100 * busiest.repeated_bytes / max(busiest.sent_bytes, 1),
        }
    bad = figures.get("repeated_percent", 0) >= _REPEATED or len(good) < TRIES
    severity = SERIOUS if bad else NOTE if best >= _SLOW_MS else FINE
    rate = f", {figures['rate_bits_per_s'] / 1e6:.1f} Mbit/s at last" if figures.get("rate_bits_per_s") else ""
    return [
        finding(
            severity,
            f"The server answers in {best:.0f} ms, {len(good)} of {TRIES} times{rate}",
            advice="Packets are lost on the way: see interface_errors and gateway." if bad else "",
            evidence=[("server", f"{host}:{port}"), ("address", good[0].address)],
            figures=figures,
        )
    ]
