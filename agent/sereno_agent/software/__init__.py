"""Package databases of Linux, one file each: where it lies, what is installed, and who asked for the last change."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from sereno_agent.host import Host

NEAR_S = 300  # so near to the moment the database was written, a record of who asked belongs to it


class Installed(NamedTuple):
    """packages: name -> version. half: one is only half installed, so the manager is at work or was broken off."""

    packages: Mapping[str, str]
    half: bool = False


class Database(NamedTuple):
    """One kind of database. paths: the first that exists is watched; what changes there moves its time or size."""

    kind: str  # as the fact system.packages names it: whose rules compare its versions
    paths: tuple[str, ...]
    installed: Callable[[Host], Installed | None]  # None: it cannot be read now
    busy: Callable[[Host], bool]
    who: Callable[[Host, float], str]  # of the change at this moment, epoch seconds; empty where nobody wrote it down
