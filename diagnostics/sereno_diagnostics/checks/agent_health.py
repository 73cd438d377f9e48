"""How Sereno's own agent is: whether it runs and is connected, what it withholds, costs, and could not collect."""

from sereno_diagnostics.findings import FAILING, FINE, NOTE, SERIOUS, ago, bytes_text, counted, finding, untold
from sereno_diagnostics.parameters import Values
from sereno_diagnostics.reading import Reader
from sereno_proto.v1.runs_pb2 import Finding

TITLE = "The agent"
PARAMETERS = ()
READS = ("own",)
SEVERITIES = {
    "failing": "it has not written its status for 5 minutes",
    "serious": "it is not connected, or had to drop what did not fit on the disk",
    "note": "a collector fails, or the policy is not in force",
}
FIGURES = {
    "connected": "1 when it is connected, else 0",
    "status_age_s": "how old its own word is",
    "resident_bytes": "memory of its core",
    "spool_bytes": "what waits to be sent",
    "dropped": "what did not fit and was dropped",
    "collectors_failing": "collectors whose last turn failed",
}
_SILENT_S = 300


def check(_values: Values, reader: Reader) -> list[Finding]:
    """One finding, failing collectors as evidence."""
    status = reader.own_status()
    if not status:
        return untold("The agent's state", "it has written no status")
    age = max(0.0, reader.now_s() - float(status.get("written_ms", 0)) / 1000)
    failing = {name: one["error"] for name, one in status.get("collectors", {}).items() if one.get("error")}
    connected = bool(status.get("connected_since_ms"))
    dropped = float(sum(status.get("spool_dropped", {}).values()))
    error = str(status.get("policy_error", ""))
    figures = {
        "connected": connected, "status_age_s": age, "resident_bytes": float(status.get("resident_bytes", 0)),
        "spool_bytes": float(status.get("spool_bytes", 0)), "dropped": dropped, "collectors_failing": len(failing),
    }  # fmt: skip
    title, severity = f"The agent is connected and takes {bytes_text(figures['resident_bytes'])}", FINE
    if age > _SILENT_S:
        title, severity = f"The agent last said something {ago(age)}", FAILING
    elif not connected or dropped:
        title, severity = (
            "The agent is not connected" if not connected else f"The agent dropped {dropped:.0f} messages",
            SERIOUS,
        )
    elif failing or error:
        title, severity = f"{counted(len(failing), 'collector')} failing" if failing else "No policy is in force", NOTE
    return [
        finding(
            severity,
            title,
            advice="On the machine: `sereno-agent doctor`." if severity > FINE else "",
            evidence=[
                *((("policy", error),) if error else ()),
                *((("connection", str(status["link_error"])),) if status.get("link_error") else ()),
                *((name, str(why)) for name, why in failing.items()),
            ],
            figures=figures,
        )
    ]
