"""Whether the clock is synchronised, how far it is off, and by whom it is set."""

from sereno_diagnostics.findings import FINE, NOTE, SERIOUS, finding, graded, untold
from sereno_diagnostics.parameters import Values
from sereno_diagnostics.reading import Reader
from sereno_proto.v1.runs_pb2 import Finding

TITLE = "Clock"
PARAMETERS = ()
READS = ("clock", "time", "chrony")
SEVERITIES = {"serious": "off by a second or more, or synchronised by nobody", "note": "off by 100 ms or more"}
FIGURES = {
    "synchronised": "1 when the kernel or systemd says so, else 0",
    "offset_s": "how far it is off, as far as anybody knows; missing when nobody does",
    "error_max_s": "the greatest possible error by the kernel's estimate",
}
_UNSYNCHRONISED = 5
_FIELDS = 14
_ADVICE = "Switch time synchronisation on: logs, certificates and logins depend on it."
_LEVELS = ((1.0, SERIOUS), (0.1, NOTE))


def check(_values: Values, reader: Reader) -> list[Finding]:
    """One finding."""
    told = reader.probe("clock").clock()
    said = dict(line.partition("=")[::2] for line in (reader.told("time") or "").splitlines())
    tracking = (reader.told("chrony") or "").strip().split(",")
    figures: dict[str, float] = {}
    if "state" in told:
        figures = {"synchronised": told["state"] != _UNSYNCHRONISED, "error_max_s": told["error_max_s"]}
        if figures["synchronised"]:
            figures["offset_s"] = told["offset_s"]
    elif "NTPSynchronized" in said:
        figures["synchronised"] = said["NTPSynchronized"] == "yes"
    source = "nobody says"
    if len(tracking) >= _FIELDS:
        source = f"chrony, {tracking[1]}, stratum {tracking[2]}"
        figures["offset_s"] = float(tracking[4])
    elif said.get("NTP"):
        source = "systemd-timesyncd or another service of the system" if said["NTP"] == "yes" else "none is switched on"
    if not figures:
        return untold("The clock", "neither the kernel nor the system tells of it")
    offset = abs(figures.get("offset_s", 0.0))
    severity = graded(offset, _LEVELS) if figures.get("synchronised") or "offset_s" in figures else SERIOUS
    state = "synchronised" if figures.get("synchronised") else "not synchronised"
    return [
        finding(
            severity,
            f"The clock is {state}" + (f", {offset * 1000:.1f} ms off" if "offset_s" in figures else ""),
            advice="Switch time synchronisation on: logs, certificates and logins depend on it."
            if severity > FINE
            else "",
            evidence=[("source", source)],
            figures=figures,
        )
    ]
