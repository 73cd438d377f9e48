"""What a collector is given and what it gives back."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from sereno_agent.folders import Folders
from sereno_agent.host import Host
from sereno_agent.policy import Policy
from sereno_agent.series import Labels
from sereno_proto.v1.link_pb2 import SERIES_KIND_COUNTER, SERIES_KIND_GAUGE, Change, Notice, SeriesKind


def plain(text: str) -> str:
    """The text as UTF-8 can carry it: file names of other encodings hold surrogates, which protobuf refuses."""
    return text.encode("utf-8", "replace").decode()


class Sample(NamedTuple):
    """One value of one series."""

    name: str
    labels: Labels
    kind: SeriesKind.ValueType
    value: float


class Surroundings(NamedTuple):
    """What collectors may know: the policy now in force, the agent's folders, the clocks, and the machine."""

    policy: Callable[[], Policy]
    folders: Folders
    now_ms: Callable[[], int]
    monotonic: Callable[[], float]
    host: Host = Host()
    waited_s: Callable[[], float] = lambda: 0.0  # see Scheduler.take_waited_s


class Reading:
    """What one collector saw at one moment: samples, changes, facts, and what a person should know.

    facts: all facts of this collector, where they differ from those it gave last. kept: called once the changes are on
    the disk, to remember that they were told.
    """

    __slots__ = ("changes", "facts", "kept", "notices", "samples")

    def __init__(self) -> None:
        self.samples: list[Sample] = []
        self.changes: list[Change] = []
        self.notices: list[Notice] = []
        self.facts: Mapping[str, str] | None = None
        self.kept: list[Callable[[], None]] = []

    def gauge(self, name: str, value: float, *labels: tuple[str, str]) -> None:
        """Adds a level. Labels come in the order of their names."""
        self.samples.append(Sample(name, labels, SERIES_KIND_GAUGE, value))

    def counter(self, name: str, value: float, *labels: tuple[str, str]) -> None:
        """Adds a count that only rises until it is reset."""
        self.samples.append(Sample(name, labels, SERIES_KIND_COUNTER, value))

    def notice(self, code: str, what: str, remedy: str = "") -> None:
        """Adds something for a person; the same one is sent at most once an hour."""
        self.notices.append(Notice(code=code, what=plain(what), remedy=remedy))


Collect = Callable[[Reading], None]
