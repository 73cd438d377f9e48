"""A machine made of files in a scratch folder, for collectors that compare: change a file, look, restart the agent."""

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path

from sereno_agent import collectors
from sereno_agent.folders import Folders
from sereno_agent.host import Host
from sereno_agent.policy import Policy
from sereno_agent.reading import Reading, Surroundings
from sereno_proto.v1.link_pb2 import Change

Answer = Callable[[Sequence[str]], str | None]


class Machine:
    """One collector on one machine. `look()` gives its changes as the core would: kept once they are told."""

    def __init__(self, collector: str, scratch: Path, policy: Policy | None = None) -> None:
        self.root = scratch / "root"
        self.root.mkdir(exist_ok=True)
        self.folders = Folders(scratch / "state")
        self.folders.make()
        self.policy = policy or Policy()
        self.collector = collector
        self.now = 1000.0
        self.answers: Answer = lambda _command: None
        self.facts: dict[str, str] = {}
        self.restart()

    def restart(self) -> None:
        surroundings = Surroundings(
            lambda: self.policy,
            self.folders,
            lambda: round(self.now * 1000),
            lambda: self.now,
            Host(
                str(self.root),
                lambda command, _request, _timeout_s, _codes: self.answers(command),
                clock=itertools.count(0.0, 60.0).__next__,
            ),
        )
        module = collectors.names("linux")[self.collector]
        self.collect = collectors.make(self.collector, module, surroundings).collect

    def write(self, path: str, text: str | bytes) -> None:
        target = self.root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text.encode() if isinstance(text, str) else text)

    def read(self) -> Reading:
        reading = Reading()
        self.collect(reading)
        for remember in reading.kept:
            remember()
        if reading.facts is not None:
            self.facts = dict(reading.facts)
        return reading

    def look(self, after_s: float = 60.0) -> list[Change]:
        self.now += after_s
        return self.read().changes
