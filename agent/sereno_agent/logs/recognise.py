"""The time and the level that a line of a log names itself, in the ways that programs write them."""

import re
import time
from calendar import timegm
from collections.abc import Callable
from typing import Final

INFORMATION: Final = 6
_LOOKED_AT: Final = 240  # time and level stand at the front
_DAY_MS: Final = 86_400_000
_PAST_MS: Final = 3660 * _DAY_MS
_MONTHS: Final = {
    name: number
    for number, name in enumerate("jan feb mar apr may jun jul aug sep oct nov dec".split(), 1)  # noqa: SIM905
}
_LEVELS: Final = {
    **dict.fromkeys(("emerg", "emergency", "panic"), 0),
    **dict.fromkeys(("alert",), 1),
    **dict.fromkeys(("crit", "critical", "fatal", "severe"), 2),
    **dict.fromkeys(("err", "error"), 3),
    **dict.fromkeys(("warn", "warning"), 4),
    **dict.fromkeys(("notice",), 5),
    **dict.fromkeys(("info", "information", "informational", "log"), 6),
    **dict.fromkeys(("debug", "trace", "fine", "finer", "finest", "verbose", "debug1"), 7),
}
_WORDS: Final = "|".join(sorted(_LEVELS, key=len, reverse=True))
# A level stands in capitals, in brackets, after `level=`, or before a colon; a word within a sentence is none.
_LEVEL: Final = re.compile(
    rf"""(?x)
      (?i:["']?\b(?:level|lvl|severity|priority|log\.level)["']?\s?[=:]\s?["']?(?P<named>{_WORDS})\b)
    | [\[(<|](?:[\w.-]{{1,20}}:)?\s{{0,4}}(?P<held>(?i:{_WORDS}))\s{{0,4}}[\])>|]
    | (?<![\w.-])(?P<capital>{_WORDS.upper()})\b(?![.-]\w)
    | (?:^|\s)(?P<before>(?i:{_WORDS})):(?:\s|$)
    """
)
_SYSLOG: Final = re.compile(r"<(\d{1,3})>")
_KLOG: Final = re.compile(r"([IWEFD])\d{4} \d\d:\d\d:\d\d")
_KLOG_LEVELS: Final = {"D": 7, "I": 6, "W": 4, "E": 3, "F": 2}
_ISO: Final = re.compile(
    r"(?P<second>(?P<y>\d{4})[-/](?P<m>\d\d)[-/](?P<d>\d\d)[T _](?P<H>\d\d):(?P<M>\d\d):(?P<S>\d\d))"
    r"(?:[.,](?P<fraction>\d{1,9}))?(?:\s?(?P<zone>Z|UTC|GMT|[+-]\d\d:?\d\d)\b)?"
)
_APACHE: Final = re.compile(
    r"(?P<second>(?P<d>\d\d)/(?P<b>[A-Z][a-z]{2})/(?P<y>\d{4}):(?P<H>\d\d):(?P<M>\d\d):(?P<S>\d\d))"
    r"(?P<fraction>)?(?: (?P<zone>[+-]\d{4}))?"
)
_RFC3164: Final = re.compile(
    r"(?:^|>|\[|\s)(?P<second>(?P<b>[A-Z][a-z]{2}) +(?P<d>\d{1,2}) (?P<H>\d\d):(?P<M>\d\d):(?P<S>\d\d))"
    r"(?:\.(?P<fraction>\d{1,9}))?(?: (?P<y>\d{4}))?(?P<zone>)?"
)
_EPOCH: Final = re.compile(
    r"""(?:^\[?|"(?:ts|time|timestamp|t)"\s?:\s?"?)(?P<seconds>1\d{9})(?:\.(?P<part>\d{1,9})|(?P<ms>\d{3}))?(?!\d)"""
)

Numbers = tuple[int, int, int, int, int, int]  # year, month, day, hour, minute, second
LocalTime = Callable[[Numbers], float]  # seconds since 1970, in the machine's zone


class Recogniser:
    """Remembers the last second it has worked out: neighbouring lines mostly share it."""

    def __init__(self, local_time: LocalTime = lambda numbers: time.mktime((*numbers, 0, 0, -1))) -> None:
        self._local_time = local_time
        self._second = ""
        self._second_ms = 0

    def time_ms(self, line: str, now_ms: int) -> int:
        """The time that the line names; now when it names none, or one that cannot be."""
        front = line[:_LOOKED_AT]
        found = _ISO.search(front) or _RFC3164.search(front) or _APACHE.search(front)
        at_ms = self._moment(found, now_ms) if found else _epoch(front)
        return at_ms if at_ms is not None and now_ms - _PAST_MS < at_ms < now_ms + _DAY_MS else now_ms

    def _moment(self, found: re.Match[str], now_ms: int) -> int | None:
        zone, fraction = found["zone"] or "", found["fraction"] or ""
        key = found["second"] + zone + (found["y"] or "")
        if key != self._second:
            second_ms = self._worked_out(found.groupdict(), zone, now_ms)
            if second_ms is None:
                return None
            self._second, self._second_ms = key, second_ms
        return self._second_ms + int(fraction[:3].ljust(3, "0"))

    def _worked_out(self, part: dict[str, str | None], zone: str, now_ms: int) -> int | None:
        month = _MONTHS.get((part["b"] or "").lower(), 0) if "b" in part else int(part["m"] or 0)
        year = int(part["y"]) if part["y"] else 0
        for candidate in (year,) if year else _years(now_ms):
            day, hour, minute, second = (int(part[name] or 0) for name in ("d", "H", "M", "S"))
            numbers = (candidate, month, day, hour, minute, second)
            second_ms = self._in_zone(numbers, zone)
            if second_ms is not None and (year or second_ms < now_ms + _DAY_MS):
                return second_ms
        return None

    def _in_zone(self, numbers: Numbers, zone: str) -> int | None:
        _, month, day, hour, minute, second = numbers
        if not (1 <= month <= 12 and 1 <= day <= 31 and hour <= 23 and minute <= 59 and second <= 60):  # noqa: PLR2004
            return None
        try:
            if not zone:
                return int(self._local_time(numbers)) * 1000
            offset_s = 0
            if zone[0] in "+-":
                digits = zone[1:].replace(":", "")
                offset_s = (int(digits[:2]) * 3600 + int(digits[2:]) * 60) * (-1 if zone[0] == "-" else 1)
            return (timegm((*numbers, 0, 0, 0)) - offset_s) * 1000
        except (OverflowError, ValueError):
            return None


def severity(line: str) -> int:
    """The syslog severity that the line names, information when it names none."""
    front = line[:_LOOKED_AT]
    if front[:1] == "<" and (syslog := _SYSLOG.match(front)):
        return int(syslog[1]) % 8
    if front[:1] in _KLOG_LEVELS and (klog := _KLOG.match(front)):
        return _KLOG_LEVELS[klog[1]]
    found = _LEVEL.search(front)
    if found is None:
        return 3 if front.startswith("Traceback (most recent call last)") else INFORMATION
    return _LEVELS[(found["named"] or found["held"] or found["capital"] or found["before"]).lower()]


def _years(now_ms: int) -> tuple[int, int]:
    # A date without a year is of this year or, around New Year, of the last.
    year = time.gmtime(now_ms / 1000 + 86_400).tm_year
    return year, year - 1


def _epoch(front: str) -> int | None:
    found = _EPOCH.search(front)
    if found is None:
        return None
    thousandths = found["ms"] or (found["part"] or "")[:3].ljust(3, "0")
    return int(found["seconds"]) * 1000 + int(thousandths)
