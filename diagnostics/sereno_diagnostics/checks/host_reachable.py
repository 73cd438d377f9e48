"""Whether a host of the policy answers: looked up, asked by echo requests, and at its ports."""

from sereno_diagnostics import ping
from sereno_diagnostics.findings import FAILING, FINE, NOTE, SERIOUS, counted, finding
from sereno_diagnostics.parameters import Parameter, Values
from sereno_diagnostics.reading import Reader
from sereno_proto.limits import PROBE_TIMEOUT_S
from sereno_proto.v1.runs_pb2 import Finding

TITLE = "Host reachable"
PARAMETERS = (Parameter("host", "host", "the host to reach"),)
READS = ("look_up", "ping", "connect")
TIMEOUT_S = 55.0
SEVERITIES = {
    "failing": "it has no address, or answers nowhere",
    "serious": "it loses requests, or one of its ports does not answer",
    "note": "its ports answer and requests do not",
}
FIGURES = {
    "reachable": "1 when anything of it answers, else 0",
    "lost_percent": "requests without answer; missing where there is no ping",
    "mean_ms": "mean time of an answer; missing without any",
    "ports_open": "how many of the policy's ports answer",
}
PORTS_MAX = 4
_ADVICE = "Try another host: if none answers, look at the way out (default_route, gateway)."


def check(values: Values, reader: Reader) -> list[Finding]:
    """One finding, with every way in that was tried."""
    host = reader.allowed.host(str(values["host"]))
    found = reader.look_up(host)
    evidence = [("name", host.host), *(("address", address) for address in found.addresses[:4])]
    if not found.addresses:
        title = f"{host.name} cannot be looked up: {found.error}"
        return [finding(FAILING, title, evidence=evidence, figures={"reachable": 0, "ports_open": 0})]
    told = ping.parse(reader.told("ping", host=host.host) or "")
    ports = {port: reader.probe("connect").connect(host.host, port, PROBE_TIMEOUT_S) for port in host.ports[:PORTS_MAX]}
    opened = [port for port, one in ports.items() if not one.error]
    evidence += [(f"port {port}", one.error or f"{one.seconds * 1000:.0f} ms") for port, one in ports.items()]
    answers = bool(opened) or (told is not None and told.lost_percent < 100)  # noqa: PLR2004, all
    figures: dict[str, float] = {"reachable": answers, "ports_open": len(opened)}
    if told is not None:
        figures["lost_percent"] = told.lost_percent
        if told.mean_ms is not None:
            figures["mean_ms"] = told.mean_ms
    lost = told.lost_percent if told is not None else 0.0
    if not answers:
        severity = FAILING if told is not None or ports else NOTE
        title = f"{host.name} answers nowhere" if severity == FAILING else f"Nothing here can ask {host.name}"
    elif len(opened) < len(ports) or 0 < lost < 100:  # noqa: PLR2004
        severity, title = (
            SERIOUS,
            f"{host.name} answers at {len(opened)} of {counted(len(ports), 'port')}, loses {lost:.0f} %",
        )
    elif lost:
        severity, title = NOTE, f"{host.name} answers at its ports, and no requests"
    else:
        severity, title = FINE, f"{host.name} answers"
    advice = (
        "Try another host: if none answers, look at the way out (default_route, gateway)."
        if severity >= SERIOUS
        else ""
    )
    return [finding(severity, title, advice=advice, evidence=evidence, figures=figures)]
