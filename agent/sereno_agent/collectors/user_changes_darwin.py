"""Users of a Mac, who may administer it, and sudo's rules."""

from collections.abc import Iterator
from typing import Final

from sereno_agent.collectors.user_changes_linux import authorized, rules
from sereno_agent.comparison import Comparison, State
from sereno_agent.host import Host
from sereno_agent.reading import Collect, Surroundings

INTERVAL_MS: Final = 60_000
DEADLINE_S: Final = 40.0
APART: Final = True
_FIELDS: Final = 4  # name, uid, shell, home
_NO_LOGIN: Final = ("/false", "/nologin")


def make(surroundings: Surroundings) -> Collect:
    return Comparison("user_changes", lambda: read(surroundings.host), surroundings).collect


def read(host: Host) -> State | None:
    """People, administrators, sudo and keys; None when the directory did not answer."""
    listed = host.ask("dscl", ".", "-readall", "/Users", "UniqueID", "UserShell", "NFSHomeDirectory")
    if listed is None:
        return None
    values: dict[str, str] = {}
    facts: dict[str, str] = {}
    for user in people(listed):
        shell = user.get("UserShell", "")
        if user["RecordName"].startswith("_") or shell.endswith(_NO_LOGIN):
            continue  # a service's
        name, home = user["RecordName"], user.get("NFSHomeDirectory", "")
        values[f"user {name}"] = f"uid {user.get('UniqueID', '')}, home {home}, shell {shell}"
        facts[f"user.{name}"] = f"uid {user.get('UniqueID', '')}, {shell}"
        keys = host.read(f"{home.rstrip('/')}/.ssh/authorized_keys") if home.startswith("/") else None
        if keys is not None:
            values[f"sshkey {name}"] = authorized(keys)
    members = (host.ask("dscl", ".", "-read", "/Groups/admin", "GroupMembership") or "").partition(":")[2].split()
    values["group admin"] = facts["group.admin"] = ", ".join(sorted(members)) or "no members"
    for path in ("/etc/sudoers", *(f"/etc/sudoers.d/{name}" for name in host.names("/etc/sudoers.d"))):
        text = host.read(path)
        if text is not None:
            values[f"sudo {path}"] = rules(text)
    return State(values, facts)


def people(text: str) -> Iterator[dict[str, str]]:
    """The records of `dscl . -readall`: `Key: value` lines, a long value below its key, a dash between two records."""
    user: dict[str, str] = {}
    key = ""
    for line in [*text.splitlines(), "-"]:
        if line == "-":
            if user.get("RecordName"):
                yield {**user, "RecordName": user["RecordName"].split()[0]}  # of several names the first
            user, key = {}, ""
        elif line.startswith(" ") and key:
            user[key] = f"{user[key]} {line.strip()}".strip()
        else:
            key, _, value = line.partition(":")
            user[key] = value.strip()
