"""Windows' event log and the unified log of macOS, from recorded answers: each entry once, filtered and redacted."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sereno_agent.logs.event_log import EventLog
from sereno_agent.logs.polled import POLL_S, Log, PolledReader
from sereno_agent.logs.unified_log import UnifiedLog
from sereno_agent.policy_logs import JournalSource
from sereno_agent.redact import redactor

HERE = Path(__file__).parent


class Windows:
    """wevtutil over recorded channels; `upto` is the newest record that there is."""

    def __init__(self, upto: int = 0) -> None:
        self.upto = upto
        self.queries: list[str] = []

    def ask(self, *command: str, codes: object) -> str | None:
        assert (command[:2], codes) == (("wevtutil", "qe"), (0,))
        path = HERE / "eventlog" / f"{command[2]}.xml"
        if not path.exists():
            return None
        events = re.findall(r"<Event .*?</Event>", path.read_text(), re.DOTALL)
        numbered = [(int((re.search(r"RecordID>(\d+)", one) or ["", "0"])[1]), one) for one in events]
        there = [(number, one) for number, one in numbered if number <= self.upto or not number]
        if "/rd:true" in command:
            return max(there, default=(0, ""))[1]
        self.queries.append(command[3])
        after = int(re.findall(r"EventRecordID>(\d+)", command[3])[0])
        wanted = [one for number, one in there if number > after or not number]
        return "".join(wanted[: int(command[5].removeprefix("/c:"))])


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def reader(log: Log, clock: Clock, known: dict[str, object] | None = None) -> PolledReader:
    return PolledReader(JournalSource(), known, redactor(()), log, clock=clock)


def said(source: PolledReader, clock: Clock, *, keep: bool = True) -> list[tuple[int, str, str]]:
    clock.now += POLL_S
    block = source.turn()
    if keep:
        source.committed()
    return [(line.severity, line.origin, line.text) for line in block.lines]


SECOND = [
    (
        3,
        "System",
        (
            "Service Control Manager 7031: The MSSQLSERVER service terminated unexpectedly.\n"
            "The following corrective action will be taken: Restart the service."
        ),
    ),
    (4, "System", "Microsoft-Windows-Time-Service 36: seconds=86400, password=[redacted]"),
    (2, "System", "Microsoft-Windows-Kernel-Power 41: The system has rebooted without cleanly shutting down first."),
]


def test_events_come_once_from_where_reading_began_and_again_until_they_are_kept() -> None:
    windows, clock = Windows(101), Clock()
    source = reader(EventLog(JournalSource(channels=("System",)), windows.ask), clock)
    assert said(source, clock) == [], "what is old is not sent"
    windows.upto = 104
    assert said(source, clock, keep=False) == SECOND
    assert said(source, clock) == SECOND
    assert said(source, clock) == []


def test_a_restart_goes_on_and_a_log_made_anew_is_read_from_its_beginning() -> None:
    windows, clock = Windows(104), Clock()
    log = EventLog(JournalSource(channels=("System",)), windows.ask)
    assert said(reader(log, clock, {"System": 101}), clock) == SECOND
    assert len(said(reader(log, clock, {"System": 9999}), clock)) == 4


def test_the_levels_are_asked_for_and_a_refused_audit_is_a_warning() -> None:
    windows, clock = Windows(9001), Clock()
    log = EventLog(JournalSource(channels=("Security", "System"), priority="warning"), windows.ask)
    source = reader(log, clock, {"Security": 9000, "System": 104})
    block_at = clock.now = 10.0
    block = source.turn()
    assert [(line.severity, line.time_ms) for line in block.lines] == [(4, 1_795_300_575_123)]
    assert (block.withheld, block_at) == (1, 10.0), "the broken event is counted"
    assert windows.queries == ["/q:*[System[EventRecordID>9000 and (Level=1 or Level=2 or Level=3)]]"]


def test_channels_that_nobody_may_read_are_said() -> None:
    source = reader(EventLog(JournalSource(channels=("Nothing",)), Windows().ask), Clock())
    assert source.turn().empty
    assert source.notices == ["wevtutil knows none of the channels, or this user may not read them"]


NDJSON = (HERE / "unified" / "macos_15.ndjson").read_text()
LINES = [
    (6, "com.apple.trustd", "trustd[312]: first of a moment"),
    (3, "com.apple.trustd", "trustd[312]: second of the same moment"),
    (2, "kernel", "kernel[0]: kernel panicked nearly"),
    (6, "Example", "Example[312]: token=[redacted]"),
]
START = datetime(2026, 11, 21, 22, 36, 15, 100_000, UTC)


def mac(now: Callable[[], datetime], answer: Callable[..., str | None], priority: str = "info") -> UnifiedLog:
    return UnifiedLog(JournalSource(priority=priority), answer, now)


def test_the_unified_log_begins_now_and_each_entry_comes_once() -> None:
    clock, asked = Clock(), []

    def answer(*command: str) -> str:
        asked.append(command)
        return NDJSON

    moment = START + timedelta(seconds=1)
    log = mac(lambda: moment, answer)
    source = reader(log, clock)
    assert said(source, clock) == [], "only a place is taken"
    moment = START + timedelta(seconds=9)
    assert said(source, clock) == LINES
    moment = START + timedelta(seconds=19)
    assert said(source, clock) == []
    assert asked[0][:3] == ("log", "show", "--style")
    assert "2026-11-21 22:36:15+0000" in asked[0]


@pytest.mark.parametrize("taken", [1, 2, 3])
def test_an_answer_cut_anywhere_goes_on_behind_the_last_line(taken: int) -> None:
    log = mac(lambda: START + timedelta(seconds=9), lambda *_: NDJSON)
    first = log.ask({"at": START.isoformat(), "read": 0}, taken)
    assert not isinstance(first, str)
    second = log.ask(first.places, 100)
    assert not isinstance(second, str)
    texts = [line.text for line in [*first.lines, *second.lines]]
    assert texts == [text.replace("[redacted]", "abcdef in another zone") for _, _, text in LINES]


def test_too_much_for_one_answer_is_asked_for_in_shorter_stretches() -> None:
    stretches = []

    def answer(*command: str) -> str | None:
        begins, ends = (datetime.fromisoformat(command[command.index(word) + 1]) for word in ("--start", "--end"))
        stretches.append((ends - begins).total_seconds())
        return None if len(stretches) < 4 else NDJSON

    log, places = mac(lambda: START + timedelta(minutes=5), answer), {"at": START.isoformat(), "read": 0}
    for _ in range(3):
        taken = log.ask(places, 100)
        assert not isinstance(taken, str)
        assert (taken.places, list(taken.lines), taken.more) == (places, [], True)
    assert stretches == [61, 16, 4]


def test_only_errors_are_asked_for_where_the_policy_wants_no_more() -> None:
    asked: list[tuple[str, ...]] = []
    log = mac(lambda: START + timedelta(seconds=9), lambda *command: asked.append(command), "warning")
    log.ask({"at": START.isoformat(), "read": 0}, 100)
    assert asked[0][-2:] == ("--predicate", "messageType == error OR messageType == fault")
