"""Recorded machines: each folder in hosts/ is one, `first` its files, `second` what differs ten seconds later.

`about.toml` says where they come from (provenance), which platform it is, when the machine changed last (moment, epoch
seconds), and which folders the second moment lacks (gone). `commands/` holds what programs write, named by the program
and its last argument (_ for /), or of PowerShell by the question's name; one below `commands/second` answers at the
second moment only. `registry.json` is Windows' registry. `expected.txt` is what every collector gives at the second
moment, with facts, and the changes since the first. `python -m tests.agent.collectors.recorded` writes them anew:
review the diff.
"""

import json
import os
import re
import shutil
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sereno_agent import collectors
from sereno_agent.folders import Folders
from sereno_agent.host import Codes, Host
from sereno_agent.policy import Policy, parse
from sereno_agent.reading import Reading, Sample, Surroundings
from sereno_proto.v1.link_pb2 import SERIES_KIND_COUNTER

HOSTS = Path(__file__).parent / "hosts"
NOW_MS = 1_795_000_000_000
# They read this machine itself, or have tests of their own.
NOT_RECORDED = {
    "agent_cost",
    "filesystems",
    "logs",
    "network_changes",
    "network_filesystems",
    "watched_files",
    "watched_folders",
    "watched_trees",
}
# Those without an ending ask psutil, which reads this machine; so does Windows' list of services.
NOT_RECORDED_ELSEWHERE = NOT_RECORDED | {"cpu", "disks", "memory", "network", "processes", "databases", "certificates"}
ASKING_PSUTIL = {"win32": {"services", "sensors", "uptime"}, "darwin": {"uptime"}}
QUESTION = re.compile(r"<# ([a-z_]+) #>")


class Recorded:
    """One recorded machine; what it is ten seconds later is laid out in a scratch folder."""

    def __init__(self, name: str, scratch: Path) -> None:
        self.folder = HOSTS / name
        self.about = tomllib.loads((self.folder / "about.toml").read_text())
        self.platform = self.about.get("platform", "linux")
        self.first, self.later = scratch / "first", scratch / "later"
        for moment, target in (("first", self.first), ("first", self.later), ("second", self.later)):
            target.mkdir(exist_ok=True)
            if (self.folder / moment).exists():
                shutil.copytree(self.folder / moment, target, dirs_exist_ok=True, symlinks=True)
        for gone in self.about.get("gone", []):
            shutil.rmtree(self.later / gone)
        for path in [*self.first.rglob("*"), *self.later.rglob("*")]:
            os.utime(path, (self.moment, self.moment), follow_symlinks=False)
        self.now = 0.0
        self.host = Host(
            ask_=self._ask, clock=lambda: self.now, machine="x86_64", privileged=True, registry=RecordedRegistry(self)
        )
        policy = self.folder / "policy.toml"
        in_force = parse(policy.read_text(), policy) if policy.exists() else Policy()
        self.folders = Folders(scratch / "state")
        self.folders.make()
        self.surroundings = Surroundings(
            lambda: in_force,
            self.folders,
            lambda: NOW_MS + round(self.now * 1000),
            lambda: self.now,
            self.host,
        )

    @property
    def moment(self) -> float:
        """When the machine's files were written."""
        return float(self.about.get("moment", NOW_MS / 1000 - 3600))

    def _ask(self, command: Sequence[str], _request: bytes, _timeout_s: float, _codes: Codes) -> str | None:
        if found := QUESTION.match(command[-1]):
            name = f"powershell {found[1]}"
        else:
            program, *words = command[3:] if command[0] == "nice" else command
            program = "python" if program == sys.executable else program
            name = re.sub(r"[^\w .:=-]", "", " ".join((program, *words[-1:])).replace("/", "_"))
        folder = self.folder / "commands"
        places = [folder / "second" / name, folder / name] if self.now else [folder / name]
        return next((path.read_text() for path in places if path.exists()), None)

    def read(self, name: str, module_name: str) -> Reading:
        """What a collector gives at the second moment; one that compares may wait for what is still being written."""
        self.host.root, self.now = str(self.first), 0.0
        made = collectors.make(name, module_name, self.surroundings)
        first = Reading()
        made.collect(first)
        for remember in first.kept:
            remember()
        self.host.root, self.now = str(self.later), 10.0
        reading = Reading()
        made.collect(reading)
        if name.endswith("_changes") and not reading.changes:
            self.now = 2000.0
            reading = Reading()
            made.collect(reading)
        reading.facts = reading.facts or first.facts
        return reading


class RecordedRegistry:
    """Windows' registry of a recorded machine: `registry.json`, key -> values, of the first moment and the second."""

    def __init__(self, machine: Recorded) -> None:
        self._machine = machine
        path = machine.folder / "registry.json"
        self._moments = json.loads(path.read_text()) if path.exists() else {"first": {}, "second": {}}

    def _now(self) -> dict[str, dict[str, str]]:
        found: dict[str, dict[str, str]] = self._moments["second" if self._machine.now else "first"]
        return found

    def values(self, key: str) -> dict[str, str] | None:
        return self._now().get(key)

    def keys(self, key: str) -> list[str]:
        below = (name.removeprefix(key + "\\") for name in self._now() if name.startswith(key + "\\"))
        return sorted({name.partition("\\")[0] for name in below})


def names(machine: Recorded) -> dict[str, str]:
    """Registered names and modules as on its platform, without those that read this machine itself."""
    elsewhere = NOT_RECORDED_ELSEWHERE | ASKING_PSUTIL.get(machine.platform, set())
    left_out = NOT_RECORDED if machine.platform == "linux" else elsewhere
    of_platform = collectors.names(machine.platform).items()
    return {name: module for name, module in of_platform if name not in left_out}


def linux_names() -> dict[str, str]:
    """Those of Linux."""
    return {name: module for name, module in collectors.names("linux").items() if name not in NOT_RECORDED}


def line(sample: Sample) -> str:
    labels = ",".join(f'{key}="{value}"' for key, value in sample.labels)
    kind = "counter" if sample.kind == SERIES_KIND_COUNTER else "gauge"
    return f"{sample.name}{{{labels}}} {kind} {sample.value:.12g}"


def found(name: str) -> str:
    """The text of expected.txt as the collectors give it now."""
    parts = []
    with tempfile.TemporaryDirectory() as scratch, utc():
        machine = Recorded(name, Path(scratch))
        readings = {collector: machine.read(collector, module) for collector, module in names(machine).items()}
    for collector, reading in readings.items():
        lines = [line(sample) for sample in reading.samples]
        for change in reading.changes:
            lines += [f"change {change.summary}" + (f" [{change.who}]" if change.who else "")]
            lines += [f"  {text}" for text in change.diff.splitlines()]
        lines += [f"fact {key} = {json.dumps(value)[1:-1]}" for key, value in sorted((reading.facts or {}).items())]
        lines += [f"notice {notice.code} {notice.what}" for notice in reading.notices]
        if lines:
            parts.append("\n".join([f"# {collector}", *lines]))
    return "\n\n".join(parts) + "\n"


@contextmanager
def utc() -> Iterator[None]:
    """The machines were recorded with their clocks in UTC."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = "UTC"
    time.tzset()
    try:
        yield
    finally:
        del os.environ["TZ"]
        if before is not None:
            os.environ["TZ"] = before
        time.tzset()


def hosts() -> list[str]:
    return sorted(path.name for path in HOSTS.iterdir() if (path / "about.toml").exists())


if __name__ == "__main__":
    for host in sys.argv[1:] or hosts():
        (HOSTS / host / "expected.txt").write_text(found(host))
