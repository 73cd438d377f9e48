"""Services: which run, failed or are enabled as systemd or OpenRC says, and the unit files that people wrote."""

import os
from collections.abc import Iterator
from typing import Final

from sereno_agent import openrc
from sereno_agent.comparison import Comparison, Read, State
from sereno_agent.host import Host
from sereno_agent.reading import Collect, Surroundings

INTERVAL_MS: Final = 60_000
DEADLINE_S: Final = 30.0
APART: Final = True
_FOLDER: Final = "/etc/systemd/system"
_UNITS: Final = (".service", ".timer", ".socket", ".mount", ".path", ".conf")
_SHOW: Final = (
    "systemctl", "show", "--no-pager", "--property=Id,Type,LoadState,ActiveState,SubState,UnitFileState,Result",
    "*.service", "*.timer", "*.socket",
)  # fmt: skip
_BETWEEN: Final = {"activating", "deactivating", "reloading", "refreshing", "maintenance"}


def make(surroundings: Surroundings) -> Collect:
    return Comparison("service_changes", reader(surroundings.host), surroundings).collect


def reader(host: Host) -> Read:
    """Remembers each service's last lasting state, so that one between two states is no change."""
    lasting: dict[str, str] = {}

    def read() -> State:
        nonlocal lasting
        values = dict(unit_files(host))
        facts: dict[str, str] = {}
        if host.exists("/run/systemd/system"):
            shown = host.ask(*_SHOW)
            if shown is None:
                raise OSError("systemctl did not answer")
            lasting = states(shown, lasting)
            values |= {f"service {name}": state for name, state in lasting.items()}
            facts = {f"service.{name}": state for name, state in lasting.items() if name.endswith(".service")}
        for name, one in openrc.services(host).items():
            if one.state in {"running", "stopped", "crashed"}:
                lasting[name] = f"{one.state}, {' '.join(one.levels) or 'no runlevel'}"
            if name in lasting:
                values[f"service {name}"] = facts[f"service.{name}"] = lasting[name]
        return State(values, facts)

    return read


def states(shown: str, before: dict[str, str]) -> dict[str, str]:
    """Unit -> `running, enabled`. What a timer starts now and then is `idle`, whether it runs this moment or not."""
    found = {}
    for block in shown.split("\n\n"):
        unit = dict(line.partition("=")[::2] for line in block.splitlines())
        name, active = unit.get("Id", ""), unit.get("ActiveState", "")
        if not name or unit.get("LoadState") not in {"loaded", "masked"} or "@" in name.partition(".")[0]:
            continue
        enabled = unit.get("UnitFileState", "")
        if enabled in {"", "transient"}:
            continue  # made for one run, gone after it
        if active in _BETWEEN and unit.get("Type") != "oneshot":
            if name in before:
                found[name] = f"{before[name].partition(',')[0]}, {enabled}"
            continue
        found[name] = f"{_state(unit, active)}, {enabled}"
    return found


def _state(unit: dict[str, str], active: str) -> str:
    if active == "failed":
        return f"failed ({unit.get('Result', '')})" if unit.get("Result", "") not in {"", "success"} else "failed"
    if unit.get("Type") == "oneshot":
        return "done" if unit.get("SubState") == "exited" else "idle"
    return {"active": "running", "inactive": "stopped"}.get(active, active)


def unit_files(host: Host) -> Iterator[tuple[str, str]]:
    """Units and drop-ins below /etc/systemd/system, and what starts with which target (links into `.wants`)."""
    waiting = [_FOLDER]
    for folder in waiting:
        for name in host.names(folder):
            path = f"{folder}/{name}"
            if os.path.islink(host.root + path):  # noqa: PTH114
                if folder.endswith((".wants", ".requires")):
                    yield f"unit {name} in {folder.rpartition('/')[2]}", "started with it"
                elif os.readlink(host.root + path) == "/dev/null":  # noqa: PTH115
                    yield f"unit {path}", "masked"
            elif folder == _FOLDER and name.endswith((".wants", ".requires", ".d")):
                waiting.append(path)
            elif name.endswith(_UNITS) and (text := host.read(path)) is not None:
                yield f"unit {path}", text
