"""Recorded machines: each folder in hosts/ is one, `first` its files, `second` what differs ten seconds later.

`commands/` holds what programs write, named by the program and its last argument (_ for /, no *). `expected.txt` is
what every collector gives at the second moment. `python -m tests.agent.collectors.recorded` writes them anew: review
the diff.
"""

import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from sereno_agent import collectors
from sereno_agent.folders import Folders
from sereno_agent.host import Host
from sereno_agent.policy import Policy, parse
from sereno_agent.reading import Reading, Sample, Surroundings
from sereno_proto.v1.link_pb2 import SERIES_KIND_COUNTER

HOSTS = Path(__file__).parent / "hosts"
NOW_MS = 1_795_000_000_000
# They read this machine itself, or give no samples and have tests of their own.
NOT_RECORDED = {
    "agent_cost",
    "filesystems",
    "inventory",
    "logs",
    "network_filesystems",
    "watched_files",
    "watched_folders",
}


class Recorded:
    """One recorded machine; what it is ten seconds later is laid out in a scratch folder."""

    def __init__(self, name: str, scratch: Path) -> None:
        self.folder = HOSTS / name
        self.later = scratch / "later"
        for moment in ("first", "second"):
            if (self.folder / moment).exists():
                shutil.copytree(self.folder / moment, self.later, dirs_exist_ok=True)
        self.now = 0.0
        self.host = Host(ask_=self._ask, clock=lambda: self.now)
        policy = self.folder / "policy.toml"
        in_force = parse(policy.read_text(), policy) if policy.exists() else Policy()
        self.surroundings = Surroundings(
            lambda: in_force,
            Folders(scratch / "state"),
            lambda: NOW_MS + round(self.now * 1000),
            lambda: self.now,
            self.host,
        )

    def _ask(self, command: Sequence[str], _request: bytes, _timeout_s: float) -> str | None:
        program = "python" if command[0] == sys.executable else command[0]
        name = f"{program} {command[-1]}".replace("/", "_").replace("*", "")
        path = self.folder / "commands" / name
        return path.read_text() if path.exists() else None

    def read(self, name: str, module_name: str) -> Reading:
        """What a collector gives at the second moment."""
        self.host.root, self.now = str(self.folder / "first"), 0.0
        made = collectors.make(name, module_name, self.surroundings)
        made.collect(Reading())
        self.host.root, self.now = str(self.later), 10.0
        reading = Reading()
        made.collect(reading)
        return reading


def linux_names() -> dict[str, str]:
    """Registered names and modules as on Linux, without those that read this machine itself."""
    return {
        name: module
        for name, module in collectors.names("linux").items()
        if name not in NOT_RECORDED and not name.endswith("_changes")
    }


def line(sample: Sample) -> str:
    labels = ",".join(f'{key}="{value}"' for key, value in sample.labels)
    kind = "counter" if sample.kind == SERIES_KIND_COUNTER else "gauge"
    return f"{sample.name}{{{labels}}} {kind} {sample.value:.12g}"


def found(name: str) -> str:
    """The text of expected.txt as the collectors give it now."""
    parts = []
    with tempfile.TemporaryDirectory() as scratch:
        machine = Recorded(name, Path(scratch))
        readings = {collector: machine.read(collector, module) for collector, module in linux_names().items()}
    for collector, reading in readings.items():
        lines = [line(sample) for sample in reading.samples]
        lines += [f"notice {notice.code} {notice.what}" for notice in reading.notices]
        if lines:
            parts.append("\n".join([f"# {collector}", *lines]))
    return "\n\n".join(parts) + "\n"


def hosts() -> list[str]:
    return sorted(path.name for path in HOSTS.iterdir() if (path / "first").is_dir())


if __name__ == "__main__":
    for host in sys.argv[1:] or hosts():
        (HOSTS / host / "expected.txt").write_text(found(host))
