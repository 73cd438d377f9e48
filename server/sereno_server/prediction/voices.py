"""What the sources of a device usually say: how often each template comes, and which are new, too many or gone. Pure.

A template is looked at by the hour of its lines, by the device's clock. Late lines are learned from and no more.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Final

HOUR_MS: Final = 3_600_000
LEARN_MS: Final = 72 * HOUR_MS  # of a source: nothing is new, and nothing regular, before
ERROR: Final = 3  # syslog: this and worse is an error
CRITICAL: Final = 2
WARNING: Final = 4
NEW_LINES_MIN: Final = 5  # of a new error within its first hours; one that is critical needs no second line
NEW_FOR_MS: Final = 2 * HOUR_MS
BURST_LINES_MIN: Final = 50
BURST_TIMES: Final = 5.0  # as many as in the worst hour before
RECORD_FADE: Final = 0.5 ** (1 / (14 * 24))  # an hour; half of the record is gone after two weeks
REGULAR_SHARE: Final = 0.95  # of the hours since it was first heard
SETTLE_MS: Final = 1_800_000  # after a start ...
BEFORE_START_MS: Final = 300_000  # ... whose moment is known so well
GONE_MS: Final = 6 * HOUR_MS
FORGOTTEN_MS: Final = 48 * HOUR_MS  # what has been gone for so long is gone for good
TEMPLATES_MAX: Final = 2000  # of one source of one device; what is new after that is not looked at


@dataclass(slots=True)
class Heard:
    """One template of one source of one device. record: the most lines in an hour before this one, fading."""

    first_ms: int
    last_ms: int
    severity: int
    hour: int
    count: int = 0
    hours: int = 1
    record: float = 0.0

    def hear(self, at_ms: int, severity: int) -> None:
        """One line of it."""
        hour = at_ms // HOUR_MS
        if hour > self.hour:
            self.record = max(self.record, self.count) * RECORD_FADE ** (hour - self.hour)
            self.hour, self.count, self.hours = hour, 0, self.hours + 1
        if hour == self.hour:
            self.count += 1
        self.first_ms, self.last_ms = min(self.first_ms, at_ms), max(self.last_ms, at_ms)
        self.severity = min(self.severity, severity)

    def join(self, other: "Heard") -> None:
        """Takes in a template that turned out to be the same."""
        later = max(self, other, key=lambda one: one.hour)
        self.record = max(self.record, other.record)
        self.hours = max(self.hours, other.hours)
        self.count = self.count + other.count if self.hour == other.hour else later.count
        self.hour, self.severity = later.hour, min(self.severity, other.severity)
        self.first_ms, self.last_ms = min(self.first_ms, other.first_ms), max(self.last_ms, other.last_ms)


@dataclass
class Voice:
    """One source of one device."""

    first_ms: int = 0
    last_ms: int = 0
    heard: dict[int, Heard] = field(default_factory=dict)

    def hear(self, template: int, at_ms: int, severity: int) -> None:
        """One line."""
        self.first_ms = min(self.first_ms or at_ms, at_ms)
        self.last_ms = max(self.last_ms, at_ms)
        known = self.heard.get(template)
        if known is None:
            if len(self.heard) >= TEMPLATES_MAX:
                return
            known = self.heard[template] = Heard(at_ms, at_ms, severity, at_ms // HOUR_MS)
        known.hear(at_ms, severity)

    def rename(self, names: Iterable[tuple[int, int]]) -> None:
        """Puts together what turned out to be one template: (its number, what it is now)."""
        for number, now in names:
            if number != now and number in self.heard:
                gone = self.heard.pop(number)
                if now in self.heard:
                    self.heard[now].join(gone)
                else:
                    self.heard[now] = gone

    def found(self, now_ms: int, started_ms: int = 0) -> dict[str, list[int]]:
        """The templates that are new and bad, too many and bad, or gone, by rule.

        now_ms: by the device's clock. started_ms: when it last started; what it says then is not news.
        """
        learned = now_ms - self.first_ms >= LEARN_MS
        said: dict[str, list[int]] = {"log_new": [], "log_burst": [], "log_vanished": []}
        if not learned:
            return said
        for number, one in self.heard.items():
            if self._is_new(one, now_ms, started_ms):
                said["log_new"].append(number)
            elif self._bursts(one, now_ms, started_ms):
                said["log_burst"].append(number)
            elif self._is_gone(one, now_ms):
                said["log_vanished"].append(number)
        return said

    def forget(self, now_ms: int) -> None:
        """Lets go of regular templates that are gone for good, so that they are not missed for ever."""
        for number in [number for number, one in self.heard.items() if now_ms - one.last_ms >= FORGOTTEN_MS]:
            if self.heard[number].hours > FORGOTTEN_MS // HOUR_MS:
                self.heard[number].hours = 1

    def _is_new(self, one: Heard, now_ms: int, started_ms: int) -> bool:
        if started_ms - BEFORE_START_MS <= one.first_ms <= started_ms + SETTLE_MS:
            return False
        if one.first_ms - self.first_ms < LEARN_MS or now_ms - one.first_ms > NEW_FOR_MS:
            return False
        lines = one.count + one.record
        return one.severity <= CRITICAL or (one.severity <= ERROR and lines >= NEW_LINES_MIN)

    @staticmethod
    def _bursts(one: Heard, now_ms: int, started_ms: int) -> bool:
        if one.severity > WARNING or now_ms - one.last_ms > HOUR_MS or one.last_ms <= started_ms + SETTLE_MS:
            return False
        return one.count >= max(BURST_LINES_MIN, BURST_TIMES * one.record)

    def _is_gone(self, one: Heard, now_ms: int) -> bool:
        known = (one.last_ms - one.first_ms) // HOUR_MS + 1
        regular = known * HOUR_MS >= LEARN_MS and one.hours >= REGULAR_SHARE * known
        speaks = self.last_ms - one.last_ms >= GONE_MS  # the source itself goes on
        return regular and speaks and GONE_MS <= now_ms - one.last_ms < FORGOTTEN_MS

    def dump(self) -> list[Any]:
        """As JSON."""
        return [
            self.first_ms,
            self.last_ms,
            [[number, *asdict(one).values()] for number, one in self.heard.items()],
        ]

    @classmethod
    def load(cls, kept: list[Any]) -> "Voice":
        """From `dump`. Raises TypeError or ValueError when it is of another version."""
        first_ms, last_ms, heard = kept
        return cls(first_ms, last_ms, {int(number): Heard(*fields) for number, *fields in heard})
