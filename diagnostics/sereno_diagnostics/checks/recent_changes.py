"""Which watched files changed in the last hours. Says that and when, never what: diffs travel redacted, elsewhere."""

from datetime import UTC, datetime

from sereno_diagnostics.findings import FINE, NOTE, ago, finding
from sereno_diagnostics.parameters import Parameter, Values
from sereno_diagnostics.reading import FileState, Reader
from sereno_proto.errors import Refused
from sereno_proto.v1.runs_pb2 import Finding

TITLE = "Recent changes"
PARAMETERS = (Parameter("hours", "number", "how far back to look", default="24", minimum=0.01, maximum=8760),)
FIGURES = {
    "changed_files": "how many watched files changed in that time",
    "versions_kept": "how many earlier versions were kept in that time",
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
            changed.append((state.modified_s, _changed(file.name, str(file.path), state, now)))
    versions = [digest for digest, kept_s in reader.versions_kept() if kept_s >= since]
    counted = finding(
        NOTE if changed or unreadable else FINE,
        f"{len(changed)} of {len(reader.allowed.files)} watched files changed in the last {hours:g} h",
        evidence=unreadable,
        figures={"changed_files": len(changed), "versions_kept": len(versions)},
    )
    return [counted, *(found for _, found in sorted(changed, key=lambda change: -change[0]))]


def _changed(name: str, path: str, state: FileState, now: float) -> Finding:
    age = now - state.modified_s
    modified = datetime.fromtimestamp(state.modified_s, UTC).isoformat(timespec="seconds")
    return finding(
        NOTE,
        f"{name} changed {ago(age)}",
        advice="Compare it with the version before." if state.digest else "",
        evidence=[("file", path), ("modified", modified), ("digest", state.digest or "not read")],
        figures={"age_s": max(age, 0.0)},
    )
