"""Where packages come from: releases that are mixed, sources without encryption or from others."""

from sereno_diagnostics import packages
from sereno_diagnostics.findings import FINE, NOTE, SERIOUS, counted, finding, untold
from sereno_diagnostics.parameters import Values
from sereno_diagnostics.reading import Reader
from sereno_proto.v1.runs_pb2 import Finding

TITLE = "Package sources"
PARAMETERS = ()
READS = ("/etc/apt/sources.list", "/etc/apt/sources.list.d/*", "/etc/os-release")
SEVERITIES = {
    "serious": "releases of the distribution are mixed",
    "note": "a source is marked as trusted without signature",
}
FIGURES = {
    "sources": "lines that name one",
    "releases": "releases of the distribution",
    "untrusted": "without signature",
}


def check(_values: Values, reader: Reader) -> list[Finding]:
    """One finding, a source a row."""
    files = ["/etc/apt/sources.list"]
    files += [f"/etc/apt/sources.list.d/{name}" for name in reader.names("/etc/apt/sources.list.d")]
    found = [source for path in files for source in packages.sources(path, reader.text(path) or "")]
    if not found:
        return untold("Package sources", "apt names none here")
    releases = sorted({one.release for one in found if one.of_distribution})
    untrusted = [one for one in found if one.trusted]
    mixed = len(releases) > 1
    title = f"{counted(len(found), 'source')}, {releases[0] if releases else 'none of the distribution'}"
    if mixed:
        title = f"Releases are mixed: {', '.join(releases)}"
    return [
        finding(
            SERIOUS if mixed else NOTE if untrusted else FINE,
            title,
            advice="Keep to one release, or pin what comes from the other one." if mixed else "",
            evidence=[
                (one.place, f"{one.address} {one.suite}{' TRUSTED WITHOUT SIGNATURE' if one.trusted else ''}")
                for one in found
            ],
            figures={"sources": len(found), "releases": len(releases), "untrusted": len(untrusted)},
        )
    ]
