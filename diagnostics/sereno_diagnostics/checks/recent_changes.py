"""Which watched files changed in the last hours. Says that and when, never what: diffs travel redacted, elsewhere."""

from datetime import UTC, datetime

from sereno_diagnostics.allowed import WatchedFile
from sereno_diagnostics.findings import FINE, NOTE, ago, finding
from sereno_diagnostics.history import Version
from sereno_diagnostics.parameters import Parameter, Values
from sereno_diagnostics.reading import FileState, Reader
from sereno_proto.errors import Refused
from sereno_proto.v1.runs_pb2 import Finding

TITLE = "Recent changes"
PARAMETERS = (Parameter("hours", "number", "how far back to look", default="24", minimum=0.01, maximum=8760),)
READS = ()
SEVERITIES = {"note": "something changed, or cannot be read"}
FIGURES = {
    "changed_files": "how many watched files changed in that time",
    "age_s": "seconds since the file changed",
}


def check(values: Values, reader: Reader) -> list[Finding]:
    """One finding a changed file, the latest first, after one that counts them."""
    hours = float(values["hours"])
    now = reader.now_s()
    since = now - hours * 3600
    changed: list[tuple[float, Finding]] = []
    unreadable: list[tuple[str, str]] = []
    for file in reader.allowed.files.values():
        try:
            state = reader.watched_file(file)
        except Refused as error:
            unreadable.append((file.name, error.what))
            continue
        if state is None:
            unreadable.append((file.name, "does not exist"))
        elif state.modified_s >= since:
            changed.append((state.modified_s, _changed(file, state, reader.versions(file), now)))
    counted = finding(
        NOTE if changed or unreadable else FINE,
        f"{len(changed)} of {len(reader.allowed.files)} watched files changed in the last {hours:g} h",
        evidence=unreadable,
        figures={"changed_files": len(changed)},
    )
    return [counted, *(found for _, found in sorted(changed, key=lambda change: -change[0]))]


def _changed(file: WatchedFile, state: FileState, versions: tuple[Version, ...], now: float) -> Finding:
    age = now - state.modified_s
    earlier = next((version for version in versions[::-1] if version.kept and version.digest != state.digest), None)
    modified = datetime.fromtimestamp(state.modified_s, UTC).isoformat(timespec="seconds")
    return finding(
        NOTE,
        f"{file.name} changed {ago(age)}",
        advice="The version before is kept and can be put back." if earlier and file.restore else "",
        evidence=[
            ("file", str(file.path)),
            ("modified", modified),
            ("digest", state.digest or "not read"),
            ("before", earlier.digest if earlier else "no earlier version is kept"),
        ],
        figures={"age_s": max(age, 0.0)},
    )
