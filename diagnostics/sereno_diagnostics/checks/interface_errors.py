"""Errors, drops and links that are down, of every network interface, and whether they grow right now."""

from sereno_diagnostics import procfs
from sereno_diagnostics.findings import FINE, NOTE, SERIOUS, counted, finding, untold
from sereno_diagnostics.parameters import Values
from sereno_diagnostics.reading import Reader
from sereno_diagnostics.sampling import twice
from sereno_proto.v1.runs_pb2 import Finding

TITLE = "Network interfaces"
PARAMETERS = ()
READS = ("/proc/net/dev", "/sys/class/net/*/operstate", "/sys/class/net/*/speed", "/sys/class/net/*/duplex")
SEVERITIES = {
    "serious": "errors grow right now",
    "note": "1 in 1000 packets failed, or a link runs half duplex",
}
FIGURES = {
    "interfaces": "how many have carried anything",
    "errors": "errors of all since the start",
    "drops": "packets dropped by all since the start",
    "growing": "how many have new errors within two seconds",
}
_LEFT_OUT = ("lo", "veth")
_SHARE = 0.001


def check(_values: Values, reader: Reader) -> list[Finding]:
    """One finding, an interface a row."""
    before, after, _ = twice(reader, lambda: procfs.interfaces(reader.text("/proc/net/dev") or ""))
    used = {name: row for name, row in after.items() if not name.startswith(_LEFT_OUT) and row[0] + row[8]}
    if not used:
        return untold("Interfaces", "none has carried anything, or the kernel does not tell it")
    errors = {name: row[2] + row[10] for name, row in used.items()}
    growing = [
        name for name, row in used.items() if errors[name] > before.get(name, row)[2] + before.get(name, row)[10]
    ]
    half = [name for name in used if (reader.text(f"/sys/class/net/{name}/duplex") or "").strip() == "half"]
    bad = [name for name, row in used.items() if errors[name] > _SHARE * max(row[1] + row[9], 1000)]
    title = f"{counted(len(used), 'interface')} without trouble"
    if growing:
        title = f"{growing[0]} has new errors right now"
    elif bad or half:
        title = f"{bad[0]} has {errors[bad[0]]} errors" if bad else f"{half[0]} runs half duplex"
    return [
        finding(
            SERIOUS if growing else NOTE if bad or half else FINE,
            title,
            advice="Look at cable, port and duplex of both ends." if growing or bad or half else "",
            evidence=[(name, _words(reader, name, row)) for name, row in used.items()],
            figures={
                "interfaces": len(used),
                "errors": sum(errors.values()),
                "drops": sum(row[3] + row[11] for row in used.values()),
                "growing": len(growing),
            },
        )
    ]


def _words(reader: Reader, name: str, row: list[int]) -> str:
    state = (reader.text(f"/sys/class/net/{name}/operstate") or "").strip()
    speed = reader.integer(f"/sys/class/net/{name}/speed")
    link = f", {speed} Mbit/s" if speed and speed > 0 else ""
    return f"{state or 'unknown'}{link}, {row[2] + row[10]} errors, {row[3] + row[11]} drops"
