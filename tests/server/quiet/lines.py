"""What a quiet device says in a week: composed lines of a system log and of an application, with their own troubles."""

from bisect import bisect_left
from dataclasses import dataclass

INFO, WARNING, ERROR = 6, 4, 3
BOOT = (
    (5, "Linux version 6.1.0-18-amd64 (debian-kernel@lists.debian.org)"),
    (ERROR, "ACPI BIOS Error (bug): Could not resolve symbol [_SB.PCI0.LPCB], AE_NOT_FOUND"),
    (WARNING, "kernel: platform eisa.0: Cannot allocate resource for EISA slot {n}"),
    (ERROR, "kernel: i8042: No controller found at port {n}"),
    (INFO, "systemd[1]: Reached target multi-user.target."),
)
UPGRADE = (
    (INFO, "dpkg: status unpacked libssl3:amd64 3.0.{n}-1"),
    (INFO, "dpkg: status installed libssl3:amd64 3.0.{n}-1"),
    (ERROR, "web: configuration key `tls.old_ciphers` is not known any more, ignored"),
    (WARNING, "web: worker {n} ended while it was restarted"),
)


@dataclass(frozen=True)
class Line:
    at_s: float
    source: str
    severity: int
    text: str


class Lines:
    """Lines in the order of their time."""

    def __init__(self, lines):
        self._lines = sorted(lines, key=lambda line: line.at_s)
        self._times = [line.at_s for line in self._lines]

    def within(self, begin_s, end_s):
        return self._lines[bisect_left(self._times, begin_s) : bisect_left(self._times, end_s)]


class Speaker:
    """Collects what is said; a device that restarts says nothing."""

    def __init__(self, week, rng):
        self.made = []
        self.week, self.rng = week, rng
        self.end_s = float(week.at_s[-1])

    def say(self, at_s, source, severity, text):
        if not any(boot <= at_s < boot + 180 for boot in self.week.reboots_s):
            self.made.append(Line(at_s, source, severity, text.format(n=self.rng.integers(1, 9999))))

    def regularly(self, every_s, source, text, spread_s=60.0):
        for tick in range(int(self.end_s // every_s)):
            self.say(tick * every_s + self.rng.uniform(0, spread_s), source, INFO, text)

    def somehow(self, times, source, severity, text):
        for at_s in self.rng.uniform(0, self.end_s, times):
            self.say(at_s, source, severity, text)


def spoken(week, rng):
    """Cron, sign-ins that fail, an application with a few errors, some of them never heard before; events' lines."""
    speaker = Speaker(week, rng)
    speaker.regularly(600, "system", "CRON[{n}]: (root) CMD (command -v debian-sa1 > /dev/null)")
    speaker.regularly(3600, "app", "checkpoint written in {n} ms")
    speaker.regularly(86_400, "system", "backup: finished, {n} files")
    speaker.somehow(900, "system", WARNING, "sshd[{n}]: Failed password for invalid user admin from 203.0.113.{n}")
    speaker.somehow(2000, "app", INFO, "request {n} served in {n} ms")
    speaker.somehow(40, "app", ERROR, "request {n} failed: upstream timed out after {n} ms")
    for number in range(12):
        letters = "abcdefghijkl"[number] * 4, "mnopqrstuvwx"[number] * 4
        speaker.somehow(1, "app", ERROR, f"unexpected {letters[0]} in module {letters[1]}")
    for boot in week.reboots_s:
        for place, (severity, text) in enumerate(BOOT * 6):
            speaker.say(boot + 181 + place, "system", severity, text)
    for at_s in week.upgrades_s:
        for place, (severity, text) in enumerate(UPGRADE * 12):
            speaker.say(at_s + 500 + place, "app" if text.startswith("web") else "system", severity, text)
    return speaker
