"""Whether the kernel that runs is the newest installed, and whether its modules are still there."""

from itertools import groupby

from sereno_diagnostics.findings import FAILING, FINE, NOTE, finding, untold
from sereno_diagnostics.parameters import Values
from sereno_diagnostics.reading import Reader
from sereno_proto.v1.runs_pb2 import Finding

TITLE = "Kernel"
PARAMETERS = ()
READS = ("/proc/sys/kernel/osrelease", "/lib/modules/*", "/usr/lib/modules/*", "/boot/*")
SEVERITIES = {
    "failing": "the running kernel's modules are gone: nothing new can be loaded",
    "note": "a newer one is installed",
}
FIGURES = {"installed": "kernels installed", "behind": "1 when a newer one than the running is installed, else 0"}
_PREFIX = "vmlinuz-"


def check(_values: Values, reader: Reader) -> list[Finding]:
    """One finding. A container shares its host's kernel and has none installed."""
    running = (reader.text("/proc/sys/kernel/osrelease") or "").strip()
    modules = {name for folder in ("/lib/modules", "/usr/lib/modules") for name in reader.names(folder)}
    images = {name.removeprefix(_PREFIX) for name in reader.names("/boot") if name.startswith(_PREFIX)}
    installed = sorted((images or modules) - {"rescue"}, key=_order)
    if not running or not installed:
        return untold("The kernel", "none is installed here: a container, or one that its host starts")
    newest = installed[-1]
    gone = bool(modules) and running not in modules
    behind = running != newest and _order(newest) > _order(running)
    title = f"{running} runs, the newest installed"
    if gone:
        title = f"The modules of {running}, which runs, are gone"
    elif behind:
        title = f"{running} runs, {newest} is installed and waits for a restart"
    return [
        finding(
            FAILING if gone else NOTE if behind else FINE,
            title,
            advice="Restart the machine in the next window." if gone or behind else "",
            evidence=[("installed", name) for name in installed],
            figures={"installed": len(installed), "behind": behind},
        )
    ]


def _order(version: str) -> list[tuple[int, int, str]]:
    """Numbers as numbers: 6.1.0-9 lies before 6.1.0-10."""
    parts = ("".join(group) for _, group in groupby(version, str.isdigit))
    return [(1, int(part), "") if part.isdigit() else (0, 0, part) for part in parts]
