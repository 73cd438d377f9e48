"""Sentences, times and sizes in the reader's language and time zone."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from gettext import NullTranslations

from babel.dates import format_datetime
from babel.numbers import format_decimal

_COUNTED = {
    "inodes",
    "files",
    "folder_files",
    "processes",
    "file_descriptors",
    "process_ids",
    "conntrack",
    "database",
    "container_tasks",
}
_TIMED = {"certificate"}
_SHARES = {"battery", "disk_wear"}
_SHARE_MIN = 0.005  # what rounds to one percent
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400


@dataclass(frozen=True)
class Words:
    """One reader: a language, its translations, and a time zone. Times are always said in that zone."""

    language: str = "en"
    zone: tzinfo = UTC
    translations: NullTranslations = field(default_factory=NullTranslations)

    def say(self, message: str, /, **values: object) -> str:
        """The message in the reader's language, with the named values filled in."""
        text = self.translations.gettext(message)
        return text.format(**values) if values else text

    def say_n(self, one: str, many: str, n: int, /, **values: object) -> str:
        """As `say`, in the singular or plural that the language has for n."""
        return self.translations.ngettext(one, many, n).format(n=self.number(n), **values)

    def number(self, value: float, digits: int = 0) -> str:
        pattern = "#,##0" if digits == 0 else "#,##0." + "#" * digits
        return format_decimal(value, pattern, locale=self.language)

    def weight(self, value: float) -> str:
        """0 to 1 with two digits: 0.97, 1.00."""
        return format_decimal(value, "0.00", locale=self.language)

    def percent(self, share: float) -> str:
        """A share of 0 to 1 as whole percent, with the space that both languages put before the sign."""
        return f"{self.number(round(share * 100))}\N{NO-BREAK SPACE}%"

    def span(self, seconds: float) -> str:
        """A length of time in its two largest units: 4 h 28 min, 2 d 6 h, 45 s."""
        s = round(abs(seconds))
        if s < _MINUTE:
            return self.say("{n} s", n=s)
        if s < _HOUR:
            minutes, rest = divmod(s, _MINUTE)
            short = self.say("{n} min", n=minutes)
            return short if minutes >= 5 or rest == 0 else f"{short} {self.say('{n} s', n=rest)}"  # noqa: PLR2004
        if s < _DAY:
            hours, rest = divmod(s, _HOUR)
            minutes = rest // _MINUTE
            short = self.say("{n} h", n=hours)
            return short if hours >= 10 or minutes == 0 else f"{short} {self.say('{n} min', n=minutes)}"  # noqa: PLR2004
        days, rest = divmod(s, _DAY)
        hours = rest // _HOUR
        short = self.say("{n} d", n=days)
        return short if days >= 3 or hours == 0 else f"{short} {self.say('{n} h', n=hours)}"  # noqa: PLR2004

    def relative(self, at: datetime, now: datetime) -> str:
        """`in 4 h 28 min`, `6 min ago`, `now`."""
        seconds = (at - now).total_seconds()
        if abs(seconds) < 1:
            return self.say("now")
        if seconds > 0:
            return self.say("in {span}", span=self.span(seconds))
        past = -seconds if -seconds < _MINUTE or -seconds >= _HOUR else -seconds // _MINUTE * _MINUTE
        return self.say("{span} ago", span=self.span(past))

    def clock(self, at: datetime, now: datetime | None = None, *, seconds: bool = False) -> str:
        """`07:40` today, `07:40, Thu` within a week, `21 Nov, 09:00` else."""
        local = at.astimezone(self.zone)
        time = "HH:mm:ss" if seconds else "HH:mm"
        pattern = time
        if now is not None:
            days = abs((local.date() - now.astimezone(self.zone).date()).days)
            if days >= 7:  # noqa: PLR2004
                pattern = "d MMM, HH:mm" if local.year == now.year else "d MMM y, HH:mm"
            elif days >= 1:
                pattern = f"{time}, EEE"
        return format_datetime(local, pattern, locale=self.language)

    def day(self, at: datetime) -> str:
        """`21 Nov`."""
        return format_datetime(at.astimezone(self.zone), "d MMM", locale=self.language)

    def exact(self, at: datetime) -> str:
        """The whole date and time with its zone, for a tooltip or a proof."""
        return format_datetime(at.astimezone(self.zone), "EEE d MMM y, HH:mm:ss ZZZZ", locale=self.language)

    def bytes(self, value: float) -> str:
        """A size with the unit that gives one to three digits: 463 kB, 1.7 GB."""
        amount = float(value)
        for unit in ("B", "kB", "MB", "GB", "TB"):
            if abs(amount) < 999.5 or unit == "TB":  # noqa: PLR2004
                digits = 0 if unit == "B" or abs(amount) >= 99.95 else 1  # noqa: PLR2004
                return f"{self.number(amount, digits)}\N{NO-BREAK SPACE}{unit}"
            amount /= 1000
        raise AssertionError

    def amount(self, resource: str, value: float) -> str:
        """A value of a bounded resource in its own unit."""
        if resource in _COUNTED:
            return self.number(value)
        if resource in _TIMED:
            return self.span(value)
        return self.percent(value) if resource in _SHARES else self.bytes(value)

    def growth(self, resource: str, per_s: float, left_s: float | None = None) -> str:
        """A growth per second, hour or week, whichever suits the time left; `flat` when there is none."""
        if left_s is None:
            left_s = _HOUR if abs(per_s) * _HOUR >= 1 else 7 * _DAY
        spans = ((900, 1, self.say("s")), (3 * _DAY, _HOUR, self.say("h")), (float("inf"), 7 * _DAY, self.say("week")))
        seconds, unit = next((seconds, unit) for limit, seconds, unit in spans if left_s <= limit)
        if abs(per_s * seconds) < (_SHARE_MIN if resource in _SHARES else 1):
            return self.say("flat")
        sign = "" if per_s > 0 else "\N{MINUS SIGN}"
        return f"{sign}{self.amount(resource, abs(per_s * seconds))}/{unit}"


ENGLISH = Words()
