"""What a ticket's evidence gives for a playbook's parameters: its alert, the likeliest change, findings of its checks.

A device tells the names of its policy and never what they stand for. An alert that is about a thing of the policy
says its name; a path, a unit, a package or a program is matched to a name that is worded like it: `/var/lib/app` to
`app`, `lib-app` or `var-lib-app`, `nginx.service` to `nginx`. What fits several names is left to people, and whatever
is proposed so stands in the device's own plan in its own words before anybody signs.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from sereno_diagnostics.parameters import NAME_PATTERN, VERSION_PATTERN
from sereno_server.desk.facts import AlertFact, CauseFact, Facts
from sereno_server.runs.playbook_parts import Playbook

_PROGRAMS: Final = ("leak_suspects", "memory_pressure", "zombies", "cpu_hogs")  # checks whose evidence names programs
_PROGRAM: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_PREFIX_CHARS_MIN: Final = 4  # `mysqld` is the service `mysql`, but `sh` is not `shop`
_NAMED_BY_ALERT: Final = ("folder", "service", "certificate", "database", "log")
_MOUNTED: Final = ("filesystem", "filesystem_state", "inodes")


def parameters_for(playbook: Playbook, alert: AlertFact, facts: Facts) -> dict[str, str]:
    """The values that the evidence gives, by parameter; those it does not give are left out."""
    top = min(facts.causes, key=lambda cause: cause.rank, default=None)
    found: dict[str, str] = {}
    if top is not None and top.kind == "file" and top.name and top.before_digest:
        found |= {"file": top.name, "digest": top.before_digest}
    if top is not None and top.kind == "package":
        found |= _package(top, facts)
    for kind, give in _GIVERS.items():
        if kind not in found and (name := next(give(kind, alert, facts), "")):
            found[kind] = name
    return {name: found[declared.kind] for name, declared in playbook.parameters.items() if declared.kind in found}


def told(facts: Facts, kind: str) -> list[str]:
    """The names of a kind that the device told."""
    return [name for one, _, name in (text.partition(" ") for text in facts.names) if one == kind]


def alike(word: str, names: Iterable[str]) -> str:
    """The name that is worded like a path, unit or program; empty when none is, or several are.

    The longest one wins that ends the path: `lib-app` before `app` for `/var/lib/app`.
    """
    parts = [part for part in re.split(r"[^a-z0-9]+", word.lower().removesuffix(".service")) if part]
    endings = ["-".join(parts[start:]) for start in range(len(parts))] or ["root"]
    known = set(names)
    return next((ending for ending in endings if ending in known), "")


def _by_alert(kind: str, alert: AlertFact, facts: Facts) -> Iterator[str]:
    """The alert's own object, where it is a name of the policy."""
    if alert.resource != kind or kind not in _NAMED_BY_ALERT:
        return
    name, names = alert.object.split(" ")[0], told(facts, kind)
    if name in names or (not names and NAME_PATTERN.fullmatch(name)):
        yield name
    elif found := alike(name, names):
        yield found


def _service(kind: str, alert: AlertFact, facts: Facts) -> Iterator[str]:
    """The alert's, the database's of the same name, or the one whose program the checks found."""
    yield from _by_alert(kind, alert, facts)
    if alert.resource == "service":
        return
    names = told(facts, kind)
    if alert.resource == "database" and (found := alike(alert.object.split(" ")[0], names)):
        yield found
    for program in _programs(facts):
        if found := _of_program(program, names):
            yield found


def _process(kind: str, _alert: AlertFact, facts: Facts) -> Iterator[str]:
    names = told(facts, kind)
    yield from (found for program in _programs(facts, "cpu_hogs") if (found := _of_program(program, names)))


def _mounted(kind: str, alert: AlertFact, facts: Facts) -> Iterator[str]:
    """The mount or volume that is named like the alert's path."""
    if alert.resource in _MOUNTED and (found := alike(alert.object, told(facts, kind))):
        yield found


def _folder(kind: str, alert: AlertFact, facts: Facts) -> Iterator[str]:
    """The alert's, or the one in which a removed file still takes room."""
    yield from _by_alert(kind, alert, facts)
    for path in _evidence(facts, "deleted_open_files"):
        if found := alike(path.removesuffix(" (deleted)").rpartition("/")[0], told(facts, kind)):
            yield found


_GIVERS: Final[Mapping[str, Callable[[str, AlertFact, Facts], Iterator[str]]]] = {
    "folder": _folder,
    "service": _service,
    "process": _process,
    "certificate": _by_alert,
    "database": _by_alert,
    "log": _by_alert,
    "mount": _mounted,
    "volume": _mounted,
}


def _package(cause: CauseFact, facts: Facts) -> dict[str, str]:
    """The package of the policy that an upgrade changed, and the version before, as the change's lines have it.

    One package is told as `-1.2` and `+1.3`, several as `-nginx 1.2` and `+nginx 1.3`.
    """
    names, before = told(facts, "package"), {}
    for line in cause.diff.splitlines():
        words = line[1:].split()
        if line.startswith("-") and words and VERSION_PATTERN.fullmatch(words[-1]):
            before[words[0] if len(words) > 1 else cause.object] = words[-1]
    for package, version in before.items():
        if found := alike(package.partition(":")[0], names):
            return {"package": found, "version": version}
    return {}


def _programs(facts: Facts, *checks: str) -> Iterator[str]:
    """Programs in the evidence, the first first: `java`, `cron` of `cron (12)`."""
    for check in checks or _PROGRAMS:
        for key in _evidence(facts, check):
            if match := _PROGRAM.match(key):
                yield match[0].lower()


def _of_program(program: str, names: Iterable[str]) -> str:
    names = list(names)
    if program in names:
        return program
    begun = [
        name
        for name in names
        if min(len(name), len(program)) >= _PREFIX_CHARS_MIN and (name.startswith(program) or program.startswith(name))
    ]
    return begun[0] if len(begun) == 1 else ""


def _evidence(facts: Facts, check: str) -> Iterator[str]:
    """The keys of a check's evidence, where it found anything worth a note."""
    for finding in facts.findings:
        if finding.check == check and finding.severity != "fine":
            yield from (key for key, _ in finding.evidence)
