"""launchd: which jobs are loaded, which are switched off, and the property lists that people put in place."""

import re
from typing import Final

from sereno_agent.comparison import Comparison, State
from sereno_agent.host import Host
from sereno_agent.reading import Collect, Surroundings

INTERVAL_MS: Final = 60_000
DEADLINE_S: Final = 40.0
APART: Final = True
# Those below /System are sealed: Apple's own, which only an update changes.
_FOLDERS: Final = ("/Library/LaunchDaemons", "/Library/LaunchAgents")
_SWITCH: Final = re.compile(r'"([^"]+)" => (disabled|enabled|true|false)')


def make(surroundings: Surroundings) -> Collect:
    return Comparison("service_changes", lambda: read(surroundings.host), surroundings).collect


def read(host: Host) -> State:
    """Jobs that are not Apple's, what is switched off, and property lists as text (binary ones by their size)."""
    values: dict[str, str] = {}
    for line in (host.ask("launchctl", "list") or "").splitlines()[1:]:
        label = line.rpartition("\t")[2]
        if label and not label.startswith(("com.apple.", "application.", "0x")):
            values[f"service {label}"] = "loaded"
    for label, switch in _SWITCH.findall(host.ask("launchctl", "print-disabled", "system") or ""):
        values[f"switch {label}"] = "disabled" if switch in {"disabled", "true"} else "enabled"
    for folder in _FOLDERS:
        for name in host.names(folder):
            content = host.content(f"{folder}/{name}")
            if content is not None and name.endswith(".plist"):
                binary = content.startswith(b"bplist")
                text = f"binary, {len(content)} bytes" if binary else content.decode("utf-8", "replace")
                values[f"unit {folder}/{name}"] = text
    return State(values, {key.replace(" ", ".", 1): "loaded" for key in values if key.startswith("service ")})
