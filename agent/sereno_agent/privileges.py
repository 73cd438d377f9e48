"""The privileges that the policy grants the executor, as a drop-in for its systemd unit.

Without one it is an ordinary user that may write its own files only. The owner's policy names what actions may touch;
from that, and from what each allowed action says that it needs, and from nothing else, come the paths it may write, its
capabilities, and whether it is root.
"""

from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import Final

from sereno_agent.policy import Policy
from sereno_playbooks import registry

UNIT: Final = Path("/etc/systemd/system/sereno-executor@.service.d/policy.conf")
NEEDS: Final = {
    "folders": "to write in folders of the policy",
    "files": "to write in the folders of files of the policy",
    "templates": "to write in the folders of templates of the policy",
    "journal": "to write in the journal's folders",
    "kill": "to signal processes of others",
    "nice": "to set the niceness of processes of others",
    "open_files": "to reach files that processes of others hold open",
    "root": "to be root towards systemd and other services of the machine, still in the unit's confinement",
    "system": "to be root outside the unit's confinement, as package managers and mounts ask for",
}
_JOURNAL: Final = (PurePath("/var/log/journal"), PurePath("/run/log/journal"))
# Write to files of others, and give a file that is put back the owner and mode that it had.
_WRITE: Final = ("CAP_DAC_OVERRIDE", "CAP_CHOWN", "CAP_FOWNER")
_CAPABILITIES: Final = {
    "kill": ("CAP_KILL",),
    "nice": ("CAP_SYS_NICE",),
    "open_files": ("CAP_SYS_PTRACE", *_WRITE),
    "root": _WRITE,
}
_SEES_PROCESSES: Final = frozenset({"kill", "nice", "open_files"})
_UNCONFINED: Final = (
    "User=root", "NoNewPrivileges=no", "CapabilityBoundingSet=~", "ProtectSystem=no", "ProtectHome=no",
    "PrivateTmp=no", "PrivateDevices=no", "ProtectClock=no", "ProtectControlGroups=no", "ProtectHostname=no",
    "ProtectKernelLogs=no", "ProtectKernelModules=no", "ProtectKernelTunables=no", "ProtectProc=default",
    "RestrictAddressFamilies=", "RestrictNamespaces=no", "RestrictRealtime=no", "RestrictSUIDSGID=no",
    "LockPersonality=no", "SystemCallFilter=", "ReadWritePaths=", "MemoryMax=infinity", "TasksMax=512",
)  # fmt: skip


def drop_in(policy: Policy, path: Path) -> str:
    """The drop-in's text; without capabilities and paths when the policy allows no action that needs them."""
    return "\n".join(_lines(policy, path)) + "\n"


def needs(policy: Policy) -> dict[str, list[str]]:
    """What is needed, and by which of the allowed actions."""
    found: dict[str, list[str]] = {}
    for name in sorted(policy.actions & set(registry.names())):
        for need in registry.get(name).NEEDS:
            found.setdefault(need, []).append(name)
    return found


def granted(policy: Policy) -> list[PurePath]:
    """The folders in which the allowed actions write."""
    wanted = needs(policy)
    found: set[PurePath] = set()
    if "folders" in wanted:
        found |= {folder.path for folder in policy.folders.values() if folder.rotate or folder.remove}
    if "files" in wanted:
        found |= {file.path.parent for file in policy.files.values() if file.restore}  # put in place by a rename
    if "templates" in wanted:
        found |= {template.path.parent for template in policy.templates.values()}
    if "journal" in wanted:
        found |= set(_JOURNAL)
    return sorted(found)


def _lines(policy: Policy, path: Path) -> Iterator[str]:
    yield f"# Made from {path} ({policy.digest or 'not in force'})"
    yield "# by `sereno-agent policy privileges`."
    wanted, writable = needs(policy), granted(policy)
    for need, by in wanted.items():
        yield f"# {', '.join(by)}: {NEEDS[need]}."
    yield "[Service]"
    if "system" in wanted:
        yield from _UNCONFINED
        return
    if "root" in wanted:
        yield "User=root"
    yield from (f"ReadWritePaths=-{_quoted(one)}" for one in writable)
    capabilities = {name for need in wanted for name in _CAPABILITIES.get(need, ())} | set(_WRITE if writable else ())
    if capabilities:
        listed = " ".join(sorted(capabilities))
        yield f"CapabilityBoundingSet={listed}"
        yield f"AmbientCapabilities={listed}"
    if _SEES_PROCESSES & wanted.keys():
        yield "ProtectProc=default"


def _quoted(path: PurePath) -> str:
    """As systemd reads it: specifiers doubled, quotes and backslashes escaped."""
    text = str(path).replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{text}"' if set(text) & set(" \"'\\;") else text
