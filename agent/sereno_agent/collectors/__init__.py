"""One collector a file, registered by the file's name.

A file has `make(surroundings) -> collect`, and may say INTERVAL_MS (else the agent's own), DEADLINE_S, and APART (it
asks programs or walks folders: it never runs among the quick ones). One whose name ends in `_linux`, `_windows` or
`_darwin` is registered, without that ending, on that platform only, and there instead of the file without an ending.
collect(reading) runs in a thread; whatever it raises concerns itself alone.
"""

import importlib
import pkgutil
import sys
from typing import Final, NamedTuple

from sereno_agent.reading import Collect, Surroundings
from sereno_proto.limits import COLLECTOR_TIMEOUT_S

_PLATFORMS: Final = {"linux": "linux", "windows": "win32", "darwin": "darwin"}
APART_AFTER_S: Final = 5.0  # what asks programs begins so long after the start, unless it says BEGIN_AFTER_S


class Collector(NamedTuple):
    """A collector ready to run."""

    name: str
    collect: Collect
    interval_ms: int = 0  # 0 = the agent's own
    deadline_s: float = COLLECTOR_TIMEOUT_S
    apart: bool = False
    begin_after_s: float = 0.0  # of the agent's start


def names(platform: str = sys.platform) -> dict[str, str]:
    """Registered name and module of every collector for a platform (as sys.platform names it)."""
    found, here = {}, {}
    for module in pkgutil.iter_modules(__path__):
        name, _, suffix = module.name.rpartition("_")
        if suffix not in _PLATFORMS:
            found[module.name] = module.name
        elif platform == _PLATFORMS[suffix]:
            here[name] = module.name
    return dict(sorted((found | here).items()))


def make(name: str, module_name: str, surroundings: Surroundings) -> Collector:
    """Imports one collector and makes it ready. Raises whatever the file raises."""
    module = importlib.import_module(f"{__name__}.{module_name}")
    return Collector(
        name,
        module.make(surroundings),
        getattr(module, "INTERVAL_MS", 0),
        getattr(module, "DEADLINE_S", COLLECTOR_TIMEOUT_S),
        getattr(module, "APART", False),
        getattr(module, "BEGIN_AFTER_S", APART_AFTER_S if getattr(module, "APART", False) else 0.0),
    )
