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
        self.packages: dict[str, tuple[str, str]] = {}
        self.known: dict[str, tuple[str, ...]] = {}
        self.needs: dict[str, tuple[str, ...]] = {}
        self.dns_answers = 0
        self.clock_offset_s, self.synchronised = 0.0, True
        self.mounts: dict[str, tuple[str, str]] = {}
        self.write_mounts = lambda: None
        self.busy = False
        self.volumes: dict[str, int] = {}
        self.group_free = 0
        self.reboots = 0
        self.reboot = lambda: None
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
        changing = self.packages, self.mounts, self.volumes, self.dns_answers, self.clock_offset_s, self.reboots
        return repr((sorted(self.units.items()), self.journal_bytes, cached, changing))

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
        if verb == "reboot":
            self.reboots += 1
            self.reboot()
            return GOOD
        return self._change_unit(verb, name, self.units[name])

    def _change_unit(self, verb: str, name: str, unit: dict[str, str]) -> Ended:
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
            if unit["LoadState"] == "masked":
                return Ended(1, "", f"Failed to {verb} unit: Unit file {name} is masked.\n")
            unit["UnitFileState"] = f"{verb}d"
        elif verb == "mask":
            unit |= {"LoadState": "masked", "Was": unit["UnitFileState"], "UnitFileState": "masked", "CanStart": "no"}
        elif verb == "unmask":
            unit |= {"LoadState": "loaded", "UnitFileState": unit.pop("Was", "disabled"), "CanStart": "yes"}
        else:
            return Ended(1, "", f"Unknown command verb {verb}.\n")
        return GOOD

    # packages: `packages` are installed with version and wish, `known` gives versions that could be had, oldest first

    def _dpkg_query(self, words: list[str]) -> Ended:
        rows = [f"{wish[0]}i \t{name}\t{version}\tamd64\t{wish}\n" for name, (version, wish) in self.packages.items()]
        return Ended(0, "".join([*rows, "rc \tgone\t1.0\tamd64\tdeinstall\n"]))

    def _dpkg(self, words: list[str]) -> Ended:
        assert (words[0], words[2]) == ("--compare-versions", "lt")
        return Ended(0 if words[1] < words[3] else 1, "")

    def _apt_cache(self, words: list[str]) -> Ended:
        verb, name = words
        assert verb == "policy"
        if name not in self.known:
            return GOOD
        have = self.packages.get(name, ("(none)", ""))[0]
        return Ended(0, f"{name}:\n  Installed: {have}\n  Candidate: {self.known[name][-1]}\n  Version table:\n")

    def _apt_mark(self, words: list[str]) -> Ended:
        verb, dashes, name = words
        assert dashes == "--"
        self.on_change(words)
        self.packages[name] = self.packages[name][0], {"hold": "hold", "unhold": "install"}[verb]
        return GOOD

    def _apt_get(self, words: list[str]) -> Ended:
        if words == ["clean"]:
            self.on_change(words)
            for path in self.cache.glob("*.deb") if self.cache else ():
                path.unlink()
            return GOOD
        at = words.index("--")
        simulated = "--simulate" in words
        if not simulated:
            self.on_change(words)
        return {"install": self._install, "remove": self._remove}[words[at - 1]](words[at + 1 :], simulated)

    def _install(self, wanted: list[str], simulated: bool) -> Ended:
        pairs = dict(one.split("=", 1) for one in wanted)
        for name, version in pairs.items():
            if version not in self.known.get(name, ()):
                return Ended(100, "", f"E: Version '{version}' for '{name}' was not found\n")
            if self.packages.get(name, ("", ""))[1] == "hold":
                return Ended(100, "", "E: Held packages were changed and -y was used without --allow-change-held.\n")
        for name in list(pairs):
            for needed in self.needs.get(name, ()):
                pairs.setdefault(needed, self.known[needed][-1])
        lines = ["Reading package lists...\n"]
        for name, version in pairs.items():
            have = self.packages.get(name, ("", ""))[0]
            if have != version:
                lines.append(f"Inst {name}{f' [{have}]' if have else ''} ({version} Debian:12/stable [amd64])\n")
                if not simulated:
                    self.packages[name] = version, "install"
        return Ended(0, "".join(lines))

    def _remove(self, names: list[str], simulated: bool) -> Ended:
        gone = {*names, *(name for name in self.packages if set(self.needs.get(name, ())) & set(names))}
        if not simulated:
            for name in gone:
                del self.packages[name]
        return Ended(0, "".join(f"Remv {name} [1]\n" for name in sorted(gone)))

    # names, time, mounts, volumes

    def _resolvectl(self, words: list[str]) -> Ended:
        if words == ["statistics"]:
            size = self.dns_answers
            return Ended(0, f"Cache\n  Current Cache Size: {size}\n          Cache Hits: 530\n")
        assert words == ["flush-caches"]
        self.on_change(words)
        self.dns_answers = 0
        return GOOD

    def _chronyc(self, words: list[str]) -> Ended:
        if words == ["-c", "tracking"]:
            leap = "Normal" if self.synchronised else "Not synchronised"
            offset = f"{self.clock_offset_s:.9f}"
            return Ended(0, f"C0A80001,ntp.example,2,1700000000.1,{offset},0,0,1.5,0,0.1,0.01,0.001,64.0,{leap}\n")
        assert words == ["makestep"]
        self.on_change(words)
        self.clock_offset_s = 0.000012
        return Ended(0, "200 OK\n")

    def _mount(self, words: list[str]) -> Ended:
        _, options, dashes, path = words
        assert dashes == "--"
        self.on_change(words)
        if self.busy:
            return Ended(32, "", f"mount: {path}: mount point is busy.\n")
        mode = options.removeprefix("remount,")
        self.mounts[path] = self.mounts[path][0], mode
        self.write_mounts()
        return GOOD

    def _lvs(self, words: list[str]) -> Ended:
        if words[-1] not in self.volumes:
            return Ended(5, "", f'  Failed to find logical volume "{words[-1]}"\n')
        group, name = words[-1].split("/")
        return Ended(0, f"  {group}|{name}|{self.volumes[words[-1]]}|4194304|{self.group_free}\n")

    def _lvextend(self, words: list[str]) -> Ended:
        assert words[:2] == ["--resizefs", "--size"]
        self.on_change(words)
        size = int(words[2].removesuffix("b"))
        self.group_free -= size - self.volumes[words[3]]
        self.volumes[words[3]] = size
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
