"""The privileges that the policy grants the executor, as a drop-in for its systemd unit.

Without one it is an ordinary user that may write its own files only. The owner's policy names what actions may touch;
from that, and from nothing else, come the paths it may write and the capabilities to do so as another than the owner.
"""

from pathlib import Path, PurePath
from typing import Final

from sereno_agent.policy import Policy

UNIT: Final = Path("/etc/systemd/system/sereno-executor@.service.d/policy.conf")
_ON_FOLDERS: Final = frozenset({"rotate_logs", "remove_old_files"})
_ON_FILES: Final = frozenset({"restore_file"})
# Write to files of others, and give a file that is put back the owner and mode that it had.
_CAPABILITIES: Final = "CAP_DAC_OVERRIDE CAP_CHOWN CAP_FOWNER"


def drop_in(policy: Policy, path: Path) -> str:
    """The drop-in's text; without capabilities and paths when the policy allows no action that needs them."""
    writable = granted(policy)
    lines = [
        f"# Made from {path} ({policy.digest or 'not in force'})",
        "# by `sereno-agent policy privileges`.",
        "[Service]",
    ]
    lines += [f"ReadWritePaths=-{_quoted(one)}" for one in writable]
    if writable:
        lines += [f"CapabilityBoundingSet={_CAPABILITIES}", f"AmbientCapabilities={_CAPABILITIES}"]
    return "\n".join(lines) + "\n"


def granted(policy: Policy) -> list[PurePath]:
    """The folders in which the allowed actions write."""
    found: set[PurePath] = set()
    if policy.actions & _ON_FOLDERS:
        found |= {folder.path for folder in policy.folders.values() if folder.rotate or folder.remove}
    if policy.actions & _ON_FILES:
        found |= {file.path.parent for file in policy.files.values() if file.restore}  # put in place by a rename
    return sorted(found)


def _quoted(path: PurePath) -> str:
    """As systemd reads it: specifiers doubled, quotes and backslashes escaped."""
    text = str(path).replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{text}"' if set(text) & set(" \"'\\;") else text
