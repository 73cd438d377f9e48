"""Who may become root: groups for it, and files of sudo that changed lately."""

from sereno_diagnostics import accounts
from sereno_diagnostics.findings import FINE, NOTE, ago, counted, finding
from sereno_diagnostics.parameters import Parameter, Values
from sereno_diagnostics.reading import Reader
from sereno_proto.v1.runs_pb2 import Finding

TITLE = "Who may become root"
PARAMETERS = (Parameter("hours", "number", "how far back to look", default="168", minimum=1, maximum=8760),)
READS = ("/etc/group", "/etc/group-", "/etc/sudoers", "/etc/sudoers.d/*", "/etc/sudoers.d")
SEVERITIES = {"note": "a member or a file changed in that time"}
FIGURES = {"administrators": "members of those groups", "changed": "files and groups changed in that time"}
GROUPS = ("root", "sudo", "wheel", "admin", "adm", "docker", "libvirt", "lxd", "disk")


def check(values: Values, reader: Reader) -> list[Finding]:
    """One finding. What stands in the files only root may read: that they changed is told, not how."""
    now = accounts.entries(reader.text("/etc/group") or "", 4)
    before = accounts.entries(reader.text("/etc/group-") or "", 4)
    since = reader.now_s() - float(values["hours"]) * 3600
    members = {group: accounts.members(now[group]) for group in GROUPS if group in now}
    changed: list[tuple[str, str]] = []
    status = reader.look("/etc/group")
    if status is not None and status.modified_s >= since:
        changed += [
            (f"group {group}", f"now {', '.join(found) or 'nobody'}, before {', '.join(earlier) or 'nobody'}")
            for group, found in members.items()
            if group in before and found != (earlier := accounts.members(before[group]))
        ]
    paths = ["/etc/sudoers", "/etc/sudoers.d", *(f"/etc/sudoers.d/{name}" for name in reader.names("/etc/sudoers.d"))]
    for path in paths:
        found_at = reader.look(path)
        if found_at is not None and found_at.modified_s >= since:
            changed.append((path, f"changed {ago(reader.now_s() - found_at.modified_s)}"))
    people = {name for found in members.values() for name in found}
    return [
        finding(
            NOTE if changed else FINE,
            f"{counted(len(people), 'person')} may become root".replace("persons", "people")
            + (f"; {counted(len(changed), 'change')} lately" if changed else ""),
            evidence=[
                *changed,
                *((f"group {group}", ", ".join(found) or "nobody") for group, found in members.items()),
            ],
            figures={"administrators": len(people), "changed": len(changed)},
        )
    ]
