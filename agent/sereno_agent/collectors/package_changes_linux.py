"""Installed packages of dpkg or rpm: an upgrade of four hundred is one change, once the package manager has finished.

The database is parsed only when it moved and then lay still for a while; who asked is what apt wrote into its history.
"""

import os
import re
import time
from collections.abc import Iterable, Iterator
from typing import Final

from sereno_agent.comparison import Comparison, State
from sereno_agent.host import Host
from sereno_agent.reading import Collect, Surroundings

INTERVAL_MS: Final = 15_000
DEADLINE_S: Final = 30.0
APART: Final = True
SETTLE_S: Final = 10.0  # dpkg writes its status after each package
SETTLE_S_MAX: Final = 900.0  # a package that stays half installed is told after this
_DPKG: Final = "/var/lib/dpkg/status"
_RPM: Final = (
    "/usr/lib/sysimage/rpm/rpmdb.sqlite", "/var/lib/rpm/rpmdb.sqlite", "/usr/lib/sysimage/rpm/Packages.db",
    "/var/lib/rpm/Packages.db", "/var/lib/rpm/Packages",
)  # fmt: skip
_RPM_FORMAT: Final = "%{NAME} %{EPOCHNUM}:%{VERSION}-%{RELEASE} %{ARCH}\\n"
_APT_HISTORY: Final = "/var/log/apt/history.log"
_HISTORY_TAIL_BYTES: Final = 262_144
_FIELDS: Final = (b"Package:", b"Status:", b"Version:", b"Architecture:")
_HALF: Final = {"half-installed", "unpacked", "half-configured"}
_ABSENT: Final = {"not-installed", "config-files", "half-installed"}
_STARTED: Final = re.compile(r"(\d{4})-(\d\d)-(\d\d)\s+(\d\d):(\d\d):(\d\d)")
_NEAR_S: Final = 300

Identity = tuple[int, int, int]


def make(surroundings: Surroundings) -> Collect:
    reader = Packages(surroundings)
    return Comparison("package_changes", reader.read, surroundings, together=frozenset({"package"})).collect


class Packages:
    """Reads whichever database this machine has, when it has moved and come to rest."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._host = surroundings.host
        self._monotonic = surroundings.monotonic
        self._parsed: Identity | None = None
        self._moving: Identity | None = None
        self._moved_at = 0.0

    def read(self) -> State | None:
        """All installed packages; None when they are as before, or the package manager is at work."""
        path = next((path for path in (_DPKG, *_RPM) if self._host.exists(path)), "")
        if not path:
            return None
        found = os.stat(self._host.root + path)  # noqa: PTH116, asked for all the time
        identity = (found.st_ino, found.st_size, found.st_mtime_ns)
        rested_s = self._rested_s(identity)
        if identity == self._parsed or rested_s < SETTLE_S:
            return None
        packages = self._dpkg(rested_s) if path == _DPKG else self._rpm()
        if packages is None:
            return None
        self._parsed = identity
        values = {f"package {name}": version for name, version in packages.items()}
        facts = {f"package.{name}": version for name, version in packages.items()}
        facts["system.packages"] = "deb" if path == _DPKG else "rpm"
        who = apt_request(_tail(self._host), found.st_mtime) if path == _DPKG else ""
        return State(values, facts, found.st_mtime_ns // 1_000_000, who)

    def _rested_s(self, identity: Identity) -> float:
        """For how long the database has not moved. At a start what lies there is taken as it is."""
        if self._parsed is None:
            return SETTLE_S_MAX
        if identity != self._moving:
            self._moving, self._moved_at = identity, self._monotonic()
        return self._monotonic() - self._moved_at

    def _dpkg(self, rested_s: float) -> dict[str, str] | None:
        if rested_s < SETTLE_S_MAX and self._host.names("/var/lib/dpkg/updates"):
            return None
        with open(self._host.root + _DPKG, "rb") as file:  # noqa: PTH123
            packages, half = dpkg(file)  # line by line: the whole of it would stay in the core's memory
        return None if half and rested_s < SETTLE_S_MAX else packages

    def _rpm(self) -> dict[str, str] | None:
        listed = self._host.ask("rpm", "-qa", "--queryformat", _RPM_FORMAT)
        return None if listed is None else rpm(listed)


def dpkg(lines: Iterable[bytes]) -> tuple[dict[str, str], bool]:
    """Installed packages of a dpkg status file, and whether one is half way. A second architecture is `name:arch`."""
    packages: dict[str, str] = {}
    half = False
    for package in _paragraphs(lines):
        state = package.get(b"Status", "").rpartition(" ")[2]
        half |= state in _HALF
        if state in _ABSENT or not package.get(b"Version"):
            continue
        name = package.get(b"Package", "")
        packages[f"{name}:{package.get(b'Architecture', '')}" if name in packages else name] = package[b"Version"]
    return packages, half


def _paragraphs(lines: Iterable[bytes]) -> Iterator[dict[bytes, str]]:
    package: dict[bytes, str] = {}
    for line in lines:
        if line.startswith(_FIELDS):
            field, _, value = line.partition(b":")
            package[field] = value.strip().decode("utf-8", "replace")
        elif package and not line.strip():
            yield package
            package = {}
    if package:
        yield package


def rpm(text: str) -> dict[str, str]:
    """Packages of `rpm -qa` in our format; where several versions of one are installed (kernel), all of them."""
    packages: dict[str, list[str]] = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) == 3 and words[0] != "gpg-pubkey":  # noqa: PLR2004, our format
            packages.setdefault(words[0], []).append(words[1].removeprefix("0:"))
    return {name: ", ".join(sorted(set(versions))) for name, versions in packages.items()}


def apt_request(history: str, modified_s: float) -> str:
    """Who asked apt, and how: of the last entry that is near the moment the status file was written."""
    entry = history.rstrip().rpartition("\n\n")[2]
    fields = dict(line.partition(": ")[::2] for line in entry.splitlines())
    ended = _STARTED.match(fields.get("End-Date", "") or fields.get("Start-Date", ""))
    if ended is None:
        return ""
    at = time.mktime((*(int(part) for part in ended.groups()), 0, 0, -1))  # type: ignore[arg-type] # nine numbers
    if abs(modified_s - at) > _NEAR_S:
        return ""
    person = fields.get("Requested-By", "").partition(" ")[0]
    return ", ".join(part for part in (person, fields.get("Commandline", "")) if part)[:200]


def _tail(host: Host) -> str:
    try:
        with open(host.root + _APT_HISTORY, "rb") as file:  # noqa: PTH123
            file.seek(max(0, os.fstat(file.fileno()).st_size - _HISTORY_TAIL_BYTES))
            return file.read(_HISTORY_TAIL_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""
