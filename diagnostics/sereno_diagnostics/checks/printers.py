"""Printers that do not print or take no jobs, and how many jobs wait (CUPS)."""

import re

from sereno_diagnostics.findings import FINE, NOTE, SERIOUS, counted, finding, untold
from sereno_diagnostics.parameters import Values
from sereno_diagnostics.reading import Reader
from sereno_proto.v1.runs_pb2 import Finding

TITLE = "Printers"
PARAMETERS = ()
READS = ("printers", "print_jobs")
SEVERITIES = {"serious": "a printer is switched off or takes no jobs", "note": "10 jobs or more wait"}
FIGURES = {
    "printers": "how many there are",
    "stopped": "how many do not print or take no jobs",
    "jobs": "how many jobs wait",
}
_PRINTER = re.compile(r"^printer (\S+) (.*)$", re.MULTILINE)
_REJECTS = re.compile(r"^(\S+) not accepting requests", re.MULTILINE)
_MANY = 10


def check(_values: Values, reader: Reader) -> list[Finding]:
    """One finding, a printer a row. Whose jobs they are stays here."""
    told = reader.told("printers")
    printers = dict(_PRINTER.findall(told or ""))
    if not printers:
        return untold("Printers", "there is no CUPS here, or it has no printers")
    stopped = {name for name, state in printers.items() if state.startswith("disabled")} | set(
        _REJECTS.findall(told or "")
    )
    jobs = len([line for line in (reader.told("print_jobs") or "").splitlines() if line.strip()])
    title = f"{counted(len(printers), 'printer')}, {counted(jobs, 'job')} waiting"
    if stopped:
        verb = "does" if len(stopped) == 1 else "do"
        title = f"{', '.join(sorted(stopped))} {verb} not print, {counted(jobs, 'job')} waiting"
    return [
        finding(
            SERIOUS if stopped else NOTE if jobs >= _MANY else FINE,
            title,
            advice="Look at paper and toner, then switch it on again: cupsenable." if stopped else "",
            evidence=list(printers.items()),
            figures={"printers": len(printers), "stopped": len(stopped), "jobs": jobs},
        )
    ]
