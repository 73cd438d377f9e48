"""Services of OpenRC (Alpine, Gentoo), from the folders in which it keeps their states: nothing is asked.

`started/NAME` is a link while a service runs; `/etc/runlevels/LEVEL/NAME` is one that starts by itself. One whose
process is gone though nobody stopped it is seen by the pidfile that OpenRC noted for it.
"""

from typing import Final, NamedTuple

from sereno_agent.host import Host

RUN: Final = "/run/openrc"
_LEVELS: Final = "/etc/runlevels"
_ALWAYS: Final = ("sysinit", "boot")
_BETWEEN: Final = ("starting", "stopping", "inactive", "scheduled", "hotplugged")


class Service(NamedTuple):
    """state: running, stopped, crashed, or between two of them. levels: runlevels with which it starts."""

    state: str
    levels: tuple[str, ...]
    wanted: bool  # it should run in the present runlevel

    @property
    def failed(self) -> bool:
        """Whether it should run and does not."""
        return self.state == "crashed" or (self.wanted and self.state == "stopped")


def services(host: Host) -> dict[str, Service]:
    """Every service that runs or that some runlevel starts; none where OpenRC is not in use."""
    if not host.exists(f"{RUN}/softlevel"):
        return {}
    levels: dict[str, list[str]] = {}
    for level in host.names(_LEVELS):
        for name in host.names(f"{_LEVELS}/{level}"):
            levels.setdefault(name, []).append(level)
    present = {*_ALWAYS, host.line(f"{RUN}/softlevel") or "default"}
    started = set(host.names(f"{RUN}/started"))
    between = {name: state for state in _BETWEEN for name in host.names(f"{RUN}/{state}")}
    found = {}
    for name in sorted({*levels, *started, *between}):
        state = between.get(name) or ("stopped" if name not in started else _alive(host, name))
        of = tuple(levels.get(name, ()))
        found[name] = Service(state, of, not present.isdisjoint(of))
    return found


def _alive(host: Host, name: str) -> str:
    pidfile = host.line(f"{RUN}/options/{name}/pidfile")
    pid = host.line(pidfile) if pidfile.startswith("/") else ""
    return "crashed" if pid.isdigit() and not host.exists(f"/proc/{pid}") else "running"
