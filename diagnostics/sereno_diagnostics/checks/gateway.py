"""Whether the gateways of the default routes answer."""

from sereno_diagnostics import ping, routes
from sereno_diagnostics.findings import FAILING, FINE, NOTE, SERIOUS, finding, untold
from sereno_diagnostics.parameters import Values
from sereno_diagnostics.reading import Reader
from sereno_proto.v1.runs_pb2 import Finding

TITLE = "Gateway"
PARAMETERS = ()
READS = ("/proc/net/route", "/proc/net/arp", "ping")
TIMEOUT_S = 45.0
SEVERITIES = {
    "failing": "a gateway is not even seen on the wire",
    "serious": "one loses requests",
    "note": "one is there and answers no requests",
}
FIGURES = {
    "gateways": "how many there are",
    "lost_percent": "requests without answer, of the worst",
    "seen": "seen on the wire",
}
GATEWAYS_MAX = 2


def check(_values: Values, reader: Reader) -> list[Finding]:
    """One finding a gateway. Which they are the kernel says, nobody else."""
    gateways = [one.gateway for one in routes.parse(reader.text("/proc/net/route") or "") if one.gateway]
    if not gateways:
        return untold("The gateway", "there is no default route with one")
    seen = routes.neighbours(reader.text("/proc/net/arp") or "")
    return [_one(reader, gateway, len(gateways), gateway in seen) for gateway in dict.fromkeys(gateways[:GATEWAYS_MAX])]


def _one(reader: Reader, gateway: str, count: int, seen: bool) -> Finding:  # noqa: FBT001, a figure
    told = ping.parse(reader.told("ping", host=gateway) or "")
    lost = 100.0 if told is None else told.lost_percent
    severity = FINE if not lost else SERIOUS if lost < 100 else NOTE if seen else FAILING  # noqa: PLR2004, all
    title = f"{gateway} answers" if not lost else f"{gateway} loses {lost:.0f} % of requests"
    if lost == 100:  # noqa: PLR2004
        title = f"{gateway} answers no requests, and is {'there' if seen else 'not'} on the wire"
        if told is None and seen:
            title = f"{gateway} is on the wire; there is no ping to ask it with"
    return finding(
        severity,
        title,
        advice="Look at the cable, the switch and the gateway itself." if severity >= SERIOUS else "",
        evidence=[] if told is None or told.mean_ms is None else [("mean", f"{told.mean_ms:.1f} ms")],
        figures={"gateways": count, "lost_percent": lost, "seen": seen},
    )
