"""Users, groups, who may use sudo, and the keys that let people in. Without root what only root reads is not seen."""

from collections.abc import Mapping
from typing import Final

from sereno_agent.comparison import Comparison, State
from sereno_agent.host import Host
from sereno_agent.reading import Collect, Surroundings
from sereno_diagnostics import accounts

INTERVAL_MS: Final = 15_000
_PEOPLE_MAX: Final = 500
_ADMINISTRATORS: Final = ("root", "sudo", "wheel", "admin")


def make(surroundings: Surroundings) -> Collect:
    return Comparison("user_changes", lambda: read(surroundings.host), surroundings).collect


def read(host: Host) -> State:
    """Everything about who may use the machine."""
    users = accounts.entries(host.read("/etc/passwd") or "", 7)
    groups = accounts.entries(host.read("/etc/group") or "", 4)
    values = {f"user {name}": _user(fields) for name, fields in users.items()}
    values |= {f"group {name}": f"gid {fields[2]}: {_members(fields[3])}" for name, fields in groups.items()}
    passwords = accounts.entries(host.read("/etc/shadow") or "", 9)
    values |= {f"password {name}": _password(fields) for name, fields in passwords.items()}
    for path in ("/etc/sudoers", *(f"/etc/sudoers.d/{name}" for name in host.names("/etc/sudoers.d"))):
        text = host.read(path)
        if text is not None:
            values[f"sudo {path}"] = rules(text)
    people = [(name, fields) for name, fields in users.items() if accounts.may_log_in(fields)][:_PEOPLE_MAX]
    for name, fields in people:
        keys = host.read(f"{fields[5].rstrip('/')}/.ssh/authorized_keys")
        if keys is not None:
            values[f"sshkey {name}"] = authorized(keys)
    return State(values, _facts(dict(people), groups))


def _facts(people: Mapping[str, list[str]], groups: Mapping[str, list[str]]) -> dict[str, str]:
    facts = {f"user.{name}": f"uid {fields[2]}, {fields[6]}" for name, fields in people.items()}
    for name in _ADMINISTRATORS:
        if name in groups:
            facts[f"group.{name}"] = _members(groups[name][3])
    return facts


def _user(fields: list[str]) -> str:
    name = fields[4].partition(",")[0]
    return f"uid {fields[2]}, gid {fields[3]}, home {fields[5]}, shell {fields[6]}" + (f", {name}" if name else "")


def _members(text: str) -> str:
    return ", ".join(sorted(name for name in text.split(",") if name)) or "no members"


def _password(fields: list[str]) -> str:
    """Never the hash: only whether there is one, and the day it was set."""
    state = "none" if not fields[1] else "locked" if fields[1][0] in "!*" else "set"
    return f"{state}, day {fields[2]}" if fields[2] else state


def rules(text: str) -> str:
    """The rules of a sudoers file, without comments."""
    # Without the colon: what stands behind "NOPASSWD:" is no password, and would be taken for one.
    text = text.replace("PASSWD:", "PASSWD ")
    return "\n".join(
        " ".join(line.split()) for line in text.splitlines() if line.strip() and not _comment(line.strip())
    )


def _comment(line: str) -> bool:
    return line.startswith("#") and not line.startswith(("#include", "#uid"))


def authorized(text: str) -> str:
    """The keys of an authorized_keys file: options and type, the key's last characters, comment."""
    lines = []
    for line in text.splitlines():
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        lines.append(" ".join(f"…{word[-12:]}" if word.startswith("AAAA") else word for word in words))
    return "\n".join(sorted(lines)) or "no keys"
