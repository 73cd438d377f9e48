"""Whether the ports that the policy names of a host take connections, and how fast."""

from sereno_diagnostics.findings import FAILING, NOTE, SERIOUS, counted, finding, graded, untold
from sereno_diagnostics.parameters import Parameter, Values
from sereno_diagnostics.reading import Reader
from sereno_proto.limits import PROBE_TIMEOUT_S
from sereno_proto.v1.runs_pb2 import Finding

TITLE = "Ports reachable"
PARAMETERS = (Parameter("host", "host", "the host whose ports are tried"),)
READS = ("connect",)
TIMEOUT_S = 55.0
SEVERITIES = {"failing": "a port takes no connection", "serious": "it takes 2 s or longer", "note": "500 ms or longer"}
FIGURES = {"open": "ports that take connections", "closed": "ports that do not", "slowest_ms": "of those that do"}
PORTS_MAX = 8
_LEVELS = ((2000.0, SERIOUS), (500.0, NOTE))


def check(values: Values, reader: Reader) -> list[Finding]:
    """One finding, a port a row. Which ports there are the policy says."""
    host = reader.allowed.host(str(values["host"]))
    if not host.ports:
        return untold(f"Ports of {host.name}", "the policy names none: hosts.NAME.ports")
    reader.truncated |= len(host.ports) > PORTS_MAX
    machine = reader.probe("connect")
    tried = {port: machine.connect(host.host, port, PROBE_TIMEOUT_S) for port in host.ports[:PORTS_MAX]}
    closed = [port for port, one in tried.items() if one.error]
    slowest = max((one.seconds * 1000 for one in tried.values() if not one.error), default=0.0)
    title = f"{host.name}: {counted(len(tried), 'port')} open, the slowest in {slowest:.0f} ms"
    if closed:
        title = f"{host.name}: port {closed[0]} takes no connection: {tried[closed[0]].error}"
    refused = "refused" in (tried[closed[0]].error if closed else "")
    return [
        finding(
            FAILING if closed else graded(slowest, _LEVELS),
            title,
            advice=("Nothing listens there: look at the service." if refused else "Look at firewalls on the way.")
            if closed
            else "",
            evidence=[
                (f"{host.host}:{port}", one.error or f"{one.seconds * 1000:.0f} ms, {one.address}")
                for port, one in tried.items()
            ],
            figures={"open": len(tried) - len(closed), "closed": len(closed), "slowest_ms": slowest},
        )
    ]
