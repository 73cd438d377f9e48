"""Errors of the memory itself (ECC), as the kernel's EDAC counts them: corrected ones, and those beyond correction.

By module where the board tells them apart, else by controller. Without ECC, or its driver, there are no series.
"""

from typing import Final

from sereno_agent.host import Host
from sereno_agent.reading import Collect, Reading, Surroundings

INTERVAL_MS: Final = 60_000
MODULES_MAX: Final = 64
_CONTROLLERS: Final = "/sys/devices/system/edac/mc"
_COUNTS: Final = (("ce", "memory_errors_corrected"), ("ue", "memory_errors_uncorrected"))


def make(surroundings: Surroundings) -> Collect:
    host = surroundings.host

    def collect(reading: Reading) -> None:
        for controller in host.names(_CONTROLLERS):
            if not controller.startswith("mc"):
                continue
            path = f"{_CONTROLLERS}/{controller}"
            modules = [name for name in host.names(path) if name.startswith(("dimm", "rank"))][:MODULES_MAX]
            for module in modules:
                name = (host.line(f"{path}/{module}/dimm_label") or module).replace("#", " ")
                _counts(reading, host, f"{path}/{module}/dimm_", f"{controller} {name}")
            # What the controller could not lay at a module's door counts as its own.
            _counts(reading, host, f"{path}/", controller, "noinfo_count" if modules else "count")

    return collect


def _counts(reading: Reading, host: Host, path: str, module: str, file: str = "count") -> None:
    for kind, series in _COUNTS:
        count = host.integer(f"{path}{kind}_{file}")
        if count is not None:
            reading.counter(series, count, ("module", module))
