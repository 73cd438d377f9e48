"""Whether this machine knows a way out: default routes of IPv4 and IPv6, and their gateways."""

from sereno_diagnostics import routes
from sereno_diagnostics.findings import FAILING, FINE, NOTE, finding
from sereno_diagnostics.parameters import Values
from sereno_diagnostics.reading import Reader
from sereno_proto.v1.runs_pb2 import Finding

TITLE = "Default route"
PARAMETERS = ()
READS = ("/proc/net/route", "/proc/net/ipv6_route")
SEVERITIES = {"failing": "there is none", "note": "there are several of the same metric"}
FIGURES = {"routes": "default routes of IPv4", "routes_v6": "default routes of IPv6"}


def check(_values: Values, reader: Reader) -> list[Finding]:
    """One finding, a route a row."""
    four = routes.parse(reader.text("/proc/net/route") or "")
    six = routes.parse_v6(reader.text("/proc/net/ipv6_route") or "")
    found = [*four, *six]
    best = min((route.metric for route in four), default=0)
    twins = sum(route.metric == best for route in four) > 1
    first = f"{found[0].gateway or 'directly'} by {found[0].interface}" if found else ""
    title = f"The way out is {first}" if found else "There is no default route"
    if twins:
        title = f"There are several default routes of metric {best}, the first is {first}"
    return [
        finding(
            NOTE if twins else FINE if found else FAILING,
            title,
            advice="" if found else "See whether the interface is up and got an address (DHCP).",
            evidence=[(one.gateway or "directly", f"{one.interface}, metric {one.metric}") for one in found],
            figures={"routes": len(four), "routes_v6": len(six)},
        )
    ]
