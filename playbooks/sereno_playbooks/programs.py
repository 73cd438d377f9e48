"""The system's programs that actions may have started: a closed list of argument vectors, and what fills their gaps.

This is the one way in which an action starts anything. No shell is involved, nothing here comes from the server, and a
gap takes a name of the policy or what the machine itself said: never an option, never a path that was not meant. What
changes something is marked, and a dry run cannot start it.
"""

import re
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from sereno_proto.errors import BadInput, Refused


class Ended(NamedTuple):
    """How a program ended and what it wrote."""

    exit_code: int
    output: str
    errors: str = ""


class Program(NamedTuple):
    """One program with its arguments.

    vector: `{name}` is a gap, filled as GAPS allows; `{name}…` stands for one word or more.
    """

    tells: str  # what it says or does
    vector: tuple[str, ...]
    timeout_s: float = 30.0
    changes: bool = False


Start = Callable[[Sequence[str], float], Ended | None]  # None: this machine has no such program

_PACKAGE: Final = r"[a-z0-9](?:[a-z0-9+.-]{0,125}[a-z0-9+.])?(?::[a-z0-9]{1,16})?"
GAPS: Final = {
    "unit": r"[A-Za-z0-9_][A-Za-z0-9:_.\\@-]{0,254}",
    "megabytes": r"[1-9][0-9]{0,8}",
    "bytes": r"[1-9][0-9]{0,17}b",
    # To apt, `name-` and `name=1-` ask for a removal: nothing may end so.
    "package": _PACKAGE,
    "wanted": rf"{_PACKAGE}=[0-9](?:[A-Za-z0-9.+:~-]{{0,125}}[A-Za-z0-9.~])?",
    "version": r"[0-9][A-Za-z0-9.+:~-]{0,126}",
    "than": r"[0-9][A-Za-z0-9.+:~-]{0,126}",
    "volume": r"[A-Za-z0-9_+][A-Za-z0-9_+.-]{0,126}/[A-Za-z0-9_+][A-Za-z0-9_+.-]{0,126}",
    "path": r"/[^\x00-\x1f]{1,4000}",
}
_GAP: Final = re.compile(r"(?<!\$)\{([a-z]+)\}")
_MORE: Final = "…"

_UNIT: Final = (
    "Id,LoadState,ActiveState,SubState,UnitFileState,InvocationID,CanStart,CanStop,RefuseManualStart,RefuseManualStop"
)
_SYSTEMCTL: Final = ("systemctl", "--no-pager", "--no-ask-password")
_APT: Final = ("apt-get", "--quiet", "--assume-yes", "--no-remove", "--no-install-recommends", "--allow-downgrades")
_KEEP_FILES: Final = ("-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold")
_SIMULATED: Final = ("-o", "Debug::NoLocking=true", "--simulate")
_SHOW: Final = "--showformat=${db:Status-Abbrev}\\t${Package}\\t${Version}\\t${Architecture}\\t${db:Status-Want}\\n"
_LVM: Final = ("--noheadings", "--nosuffix", "--units", "b", "--separator", "|")


def _service(verb: str) -> Program:
    return Program(f"{verb} a unit", (*_SYSTEMCTL, verb, "--", "{unit}"), 150.0, changes=True)


PROGRAMS: Final = {
    "unit": Program("one unit's state", (*_SYSTEMCTL, "show", "--property", _UNIT, "--", "{unit}")),
    **{f"service_{verb}": _service(verb) for verb in
       ("restart", "start", "stop", "enable", "disable", "mask", "unmask")},
    "journal_size": Program("what the journal takes", ("journalctl", "--no-pager", "--disk-usage")),
    "journal_vacuum": Program(
        "closes the journal's files and removes the oldest", ("journalctl", "--rotate", "--vacuum-size={megabytes}M"),
        300.0, changes=True,
    ),
    "apt_clean": Program("removes packages that were fetched", ("apt-get", "--quiet", "clean"), 120.0, changes=True),
    "packages": Program("state of packages", ("dpkg-query", "--show", _SHOW), 20.0),
    "apt_versions": Program("versions that could be had", ("apt-cache", "policy", "{package}")),
    "version_lower": Program("whether a version comes before another",
                             ("dpkg", "--compare-versions", "{version}", "lt", "{than}")),
    "apt_simulate": Program(
        "what an installation would do", (*_APT, *_SIMULATED, "install", "--", "{wanted}" + _MORE), 60.0
    ),
    "apt_install": Program(
        "installs packages in exactly these versions", (*_APT, *_KEEP_FILES, "install", "--", "{wanted}" + _MORE),
        540.0, changes=True,
    ),
    "apt_remove_simulate": Program(
        "what a removal would do",
        ("apt-get", "--quiet", "--assume-yes", *_SIMULATED, "remove", "--", "{package}" + _MORE), 60.0,
    ),
    "apt_remove": Program(
        "removes packages", ("apt-get", "--quiet", "--assume-yes", "remove", "--", "{package}" + _MORE), 540.0,
        changes=True,
    ),
    "apt_hold": Program("pins a package", ("apt-mark", "hold", "--", "{package}"), changes=True),
    "apt_unhold": Program("lets a package go again", ("apt-mark", "unhold", "--", "{package}"), changes=True),
    "dns_statistics": Program("how much is remembered of names", ("resolvectl", "--no-pager", "statistics")),
    "dns_flush": Program("forgets names that were looked up", ("resolvectl", "flush-caches"), changes=True),
    "clock": Program("offset as chrony measures it", ("chronyc", "-c", "tracking")),
    "clock_step": Program("sets the clock right at once", ("chronyc", "makestep"), changes=True),
    "remount_ro": Program("makes a mount read-only", ("mount", "-o", "remount,ro", "--", "{path}"), changes=True),
    "remount_rw": Program("makes a mount writable", ("mount", "-o", "remount,rw", "--", "{path}"), changes=True),
    "volume": Program(
        "one volume's size", ("lvs", *_LVM, "--options", "vg_name,lv_name,lv_size,vg_extent_size,vg_free", "{volume}")
    ),
    "volume_extend": Program(
        "makes a volume and its file system larger", ("lvextend", "--resizefs", "--size", "{bytes}", "{volume}"),
        540.0, changes=True,
    ),
    "reboot": Program("reboots the machine", (*_SYSTEMCTL, "reboot"), changes=True),
}  # fmt: skip


class Programs:
    """Starts them. may_change: whether those that change something may be started; never in a dry run."""

    def __init__(self, start: Start, *, may_change: bool) -> None:
        self._start = start
        self._may_change = may_change

    def ask(self, name: str, *more: str, **gaps: str) -> Ended | None:
        """What a reading program says; None when this machine has no such program."""
        if PROGRAMS[name].changes:
            raise Refused("E_OUTSIDE_POLICY", f"{name} changes something, so it cannot be asked")
        return self._start(vector(name, *more, **gaps), PROGRAMS[name].timeout_s)

    def told(self, name: str, *more: str, **gaps: str) -> str:
        """As `ask`; raises E_PROGRAM_FAILED when there is none such, or it ends with an error."""
        return _good(PROGRAMS[name].vector[0], self.ask(name, *more, **gaps))

    def change(self, name: str, *more: str, **gaps: str) -> str:
        """Has a change made; gives what the program wrote. Raises E_PROGRAM_FAILED when it ends with an error."""
        self._require_change(name)
        return _good(PROGRAMS[name].vector[0], self._start(vector(name, *more, **gaps), PROGRAMS[name].timeout_s))

    def owners(self, command: Sequence[str], timeout_s: float) -> Ended:
        """Runs a program that the policy gives with all its arguments; raises E_PROGRAM_FAILED when there is none."""
        self._require_change(command[0])
        ended = self._start(command, timeout_s)
        if ended is None:
            raise Refused("E_PROGRAM_FAILED", f"{command[0]} is not on this machine")
        return ended

    def _require_change(self, name: str) -> None:
        if not self._may_change:
            raise Refused("E_OUTSIDE_POLICY", f"{name} may not be started in a dry run")


def nothing(_command: Sequence[str], _timeout_s: float) -> Ended | None:
    """A machine without programs."""
    return None


def vector(name: str, *more: str, **gaps: str) -> tuple[str, ...]:
    """The vector with its gaps filled; raises E_PARAMETER for what a gap does not take, and for one left open."""
    words: list[str] = []
    for word in PROGRAMS[name].vector:
        if word.endswith(_MORE):
            gap = word[1 : -len(_MORE) - 1]
            if not more:
                raise BadInput("E_PARAMETER", f"{name} needs at least one {gap}")
            words += [_fill(name, gap, one) for one in more]
        else:
            words.append(_GAP.sub(lambda found: _fill(name, found[1], gaps.get(found[1], "")), word))
    return tuple(words)


def _fill(name: str, gap: str, text: str) -> str:
    if not re.fullmatch(GAPS[gap], text):
        raise BadInput("E_PARAMETER", f"{text[:80]!r} cannot stand for a {gap} in {PROGRAMS[name].vector[0]}")
    return text


def _good(program: str, ended: Ended | None) -> str:
    if ended is None:
        raise Refused("E_PROGRAM_FAILED", f"this machine has no {program}")
    if ended.exit_code:
        said = " ".join((ended.errors or ended.output).split())[-400:]
        raise Refused("E_PROGRAM_FAILED", f"{program} ended with {ended.exit_code}: {said}")
    return ended.output
