"""A machine's service manager, package manager and journal as far as actions ask them, with state of their own.

Answers are shaped as the real programs write them (systemd 252, apt 2.6, Debian 12); it stands where starting.start
stands, so that a test sees the very vectors.
"""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sereno_playbooks.programs import Ended

if TYPE_CHECKING:
    from pathlib import Path

GOOD = Ended(0, "")


class FakeSystem:
    """`ran` holds every vector that changed something; `asked` those that only read."""

    def __init__(self) -> None:
        self.ran: list[tuple[str, ...]] = []
        self.asked: list[tuple[str, ...]] = []
        self.units: dict[str, dict[str, str]] = {}
        self.journal_bytes = 0
        self.before_show = lambda unit: None
        self.on_change = lambda command: None
        self.cache: Path | None = None
        self._invocations = 0

    def __call__(self, command: Sequence[str], timeout_s: float) -> Ended | None:
        assert timeout_s > 0
        command = tuple(command)
        program = command[0].rpartition("/")[2]
        handler = getattr(self, f"_{program.replace('-', '_')}", None)
        if handler is None:
            return None
        before = self.state()
        ended = handler([word for word in command[1:] if word not in {"--no-pager", "--no-ask-password", "--quiet"}])
        (self.ran if self.state() != before else self.asked).append(command)
        return ended

    def state(self) -> object:
        cached = sorted(path.name for path in self.cache.iterdir()) if self.cache else []
        return repr((sorted(self.units.items()), self.journal_bytes, cached))

    # systemd

    def unit(self, name: str, active: str = "active", file: str = "enabled", **more: str) -> dict[str, str]:
        """Adds a unit."""
        runs = active == "active"
        self.units[name] = {
            "Id": name,
            "LoadState": "loaded",
            "ActiveState": active,
            "SubState": "running" if runs else "dead",
            "UnitFileState": file,
            "InvocationID": self._invocation() if runs else "",
            "CanStart": "yes",
            "CanStop": "yes",
            "RefuseManualStart": "no",
            "RefuseManualStop": "no",
            **more,
        }
        return self.units[name]

    def _invocation(self) -> str:
        self._invocations += 1
        return f"{self._invocations:032x}"[::-1]

    def _systemctl(self, words: list[str]) -> Ended:
        verb, name = words[0], words[-1]
        if verb == "show":
            self.before_show(name)
            unit = self.units.get(name, {"Id": name, "LoadState": "not-found", "ActiveState": "inactive"})
            return Ended(0, "".join(f"{key}={value}\n" for key, value in unit.items()))
        self.on_change(words)
        unit = self.units[name]
        if verb in {"start", "restart"}:
            if unit["LoadState"] == "masked":
                return Ended(1, "", f"Failed to {verb} {name}: Unit {name} is masked.\n")
            if unit.get("Broken"):
                unit |= {"ActiveState": "failed", "SubState": "failed", "InvocationID": self._invocation()}
                return Ended(1, "", f"Job for {name} failed because the control process exited with error code.\n")
            if verb == "restart" or unit["ActiveState"] != "active":
                unit |= {"ActiveState": "active", "SubState": "running", "InvocationID": self._invocation()}
        elif verb == "stop":
            unit |= {"ActiveState": "inactive", "SubState": "dead", "InvocationID": ""}
        elif verb in {"enable", "disable"}:
            unit["UnitFileState"] = f"{verb}d"
        elif verb == "mask":
            unit |= {"LoadState": "masked", "Was": unit["UnitFileState"], "UnitFileState": "masked"}
        elif verb == "unmask":
            unit |= {"LoadState": "loaded", "UnitFileState": unit.pop("Was", "disabled")}
        else:
            return Ended(1, "", f"Unknown command verb {verb}.\n")
        return GOOD

    # apt: its cache is a real folder, which the tests give

    def _apt_get(self, words: list[str]) -> Ended:
        assert words == ["clean"]
        self.on_change(words)
        for path in self.cache.glob("*.deb") if self.cache else ():
            path.unlink()
        return GOOD

    # the journal

    def _journalctl(self, words: list[str]) -> Ended:
        if words == ["--disk-usage"]:
            size = self.journal_bytes
            text = f"{size}B" if size < 1024 else f"{size / (1 << 20):.1f}M"
            return Ended(0, f"Archived and active journals take up {text} in the file system.\n")
        match = re.fullmatch(r"--vacuum-size=(\d+)M", words[1])
        assert words[0] == "--rotate"
        assert match
        self.journal_bytes = min(self.journal_bytes, int(match[1]) << 20)
        return Ended(0, "", "Vacuuming done, freed 1.0G of archived journals from /var/log/journal.\n")
