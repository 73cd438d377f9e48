"""Installed packages of dpkg, rpm, apk or pacman: an upgrade of four hundred is one change, once the manager is done.

The database is parsed only when it moved and then lay still for a while; who asked is what apt, dnf, zypper or pacman
wrote into its history.
"""

import os
from typing import Final

from sereno_agent.comparison import Comparison, State
from sereno_agent.reading import Collect, Surroundings
from sereno_agent.software import Database
from sereno_agent.software.apk import APK
from sereno_agent.software.dpkg import DPKG
from sereno_agent.software.pacman import PACMAN
from sereno_agent.software.rpm import RPM

INTERVAL_MS: Final = 15_000
DEADLINE_S: Final = 30.0
APART: Final = True
SETTLE_S: Final = 10.0  # dpkg writes its status after each package
SETTLE_S_MAX: Final = 900.0  # a package that stays half installed is told after this
# On a Debian with rpm beside dpkg, and on an Arch with either, the system's own comes first.
_DATABASES: Final = (DPKG, PACMAN, APK, RPM)

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
        database, path = self._here()
        if database is None:
            return None
        found = os.stat(self._host.root + path)  # noqa: PTH116, asked for all the time
        identity = (found.st_ino, found.st_size, found.st_mtime_ns)
        rested_s = self._rested_s(identity)
        if identity == self._parsed or rested_s < SETTLE_S:
            return None
        if rested_s < SETTLE_S_MAX and database.busy(self._host):
            return None
        installed = database.installed(self._host)
        if installed is None or (installed.half and rested_s < SETTLE_S_MAX):
            return None
        self._parsed = identity
        values = {f"package {name}": version for name, version in installed.packages.items()}
        facts = {f"package.{name}": version for name, version in installed.packages.items()}
        facts["system.packages"] = database.kind
        who = database.who(self._host, found.st_mtime)
        return State(values, facts, found.st_mtime_ns // 1_000_000, who)

    def _here(self) -> tuple[Database | None, str]:
        places = ((database, path) for database in _DATABASES for path in database.paths)
        return next(((database, path) for database, path in places if self._host.exists(path)), (None, ""))

    def _rested_s(self, identity: Identity) -> float:
        """For how long the database has not moved. At a start what lies there is taken as it is."""
        if self._parsed is None:
            return SETTLE_S_MAX
        if identity != self._moving:
            self._moving, self._moved_at = identity, self._monotonic()
        return self._monotonic() - self._moved_at
