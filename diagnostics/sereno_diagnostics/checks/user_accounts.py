"""Accounts that may log in, what changed among them last, and those that are root by another name."""

from sereno_diagnostics import accounts
from sereno_diagnostics.findings import FAILING, FINE, NOTE, ago, counted, finding, untold
from sereno_diagnostics.parameters import Parameter, Values
from sereno_diagnostics.reading import Reader
from sereno_proto.v1.runs_pb2 import Finding

TITLE = "User accounts"
PARAMETERS = (Parameter("hours", "number", "how far back to look", default="168", minimum=1, maximum=8760),)
READS = ("/etc/passwd", "/etc/passwd-", "/etc/group", "/etc/group-")
SEVERITIES = {"failing": "an account other than root is root", "note": "accounts were added or changed in that time"}
FIGURES = {"people": "accounts that may log in", "added": "added in that time", "roots": "accounts with root's number"}


def check(values: Values, reader: Reader) -> list[Finding]:
    """One finding. The system keeps the files before the last change (passwd-): that change is what is told."""
    now = accounts.entries(reader.text("/etc/passwd") or "", 7)
    if not now:
        return untold("Accounts", "/etc/passwd cannot be read")
    before = accounts.entries(reader.text("/etc/passwd-") or "", 7)
    status = reader.look("/etc/passwd")
    age = reader.now_s() - (status.modified_s if status else 0.0)
    lately = age <= float(values["hours"]) * 3600
    people = {name: entry for name, entry in now.items() if accounts.may_log_in(entry)}
    added = [name for name in now if before and name not in before] if lately else []
    gone = [name for name in before if name not in now] if lately else []
    changed = [name for name in now if name in before and now[name] != before[name]] if lately else []
    roots = [name for name, entry in now.items() if entry[2] == "0" and name != "root"]
    title = f"{counted(len(people), 'account')} may log in"
    if roots:
        title = f"{roots[0]} is root by another name"
    elif added or gone or changed:
        title += f"; {len(added)} added, {len(gone)} removed, {len(changed)} changed {ago(age)}"
    return [
        finding(
            FAILING if roots else NOTE if added or gone or changed else FINE,
            title,
            advice="See who made it and why, or close it." if roots or added else "",
            evidence=[
                *(("root by another name", name) for name in roots),
                *(("added", accounts.words(name, now[name])) for name in added),
                *(("removed", name) for name in gone),
                *(("changed", accounts.words(name, now[name])) for name in changed),
                *(("may log in", accounts.words(name, entry)) for name, entry in people.items()),
            ],
            figures={"people": len(people), "added": len(added), "roots": len(roots)},
        )
    ]
