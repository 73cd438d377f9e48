"""The environment of the policy's services: what each one's main process was started with, its secrets taken out.

Read from the process itself, so it needs that process's user or root; elsewhere there is nothing to compare.
"""

import re
from collections.abc import Iterator
from typing import Final

from sereno_agent.comparison import Comparison, State
from sereno_agent.host import Host
from sereno_agent.policy import Policy
from sereno_agent.reading import Collect, Surroundings
from sereno_diagnostics import systemd

INTERVAL_MS: Final = 60_000
DEADLINE_S: Final = 30.0
APART: Final = True
# systemd's own, new at each start
_PASSING: Final = re.compile(
    r"(?:INVOCATION_ID|JOURNAL_STREAM|SYSTEMD_EXEC_PID|MAINPID|MANAGERPID|MEMORY_PRESSURE_\w+|NOTIFY_SOCKET|WATCHDOG_\w+"
    r"|LISTEN_\w+|CREDENTIALS_DIRECTORY|SHLVL|PWD|OLDPWD|_)="
)
# A name like these holds a secret, whatever its value looks like: `secret=` makes the redactor take it out.
_SECRET: Final = re.compile(r"PASS|SECRET|TOKEN|KEY|AUTH|CRED|DSN|PRIVATE|SALT|SESSION|COOKIE|WEBHOOK", re.IGNORECASE)


def make(surroundings: Surroundings) -> Collect:
    def look() -> State | None:
        return read(surroundings.host, surroundings.policy())

    return Comparison("environment_changes", look, surroundings).collect


def read(host: Host, policy: Policy) -> State | None:
    """The environment of each service; None while one of them does not run: a restart is no change."""
    if not policy.services or not host.exists("/run/systemd/system"):
        return State({})
    values = {}
    units = [service.unit for service in policy.services.values()]
    shown = host.ask("systemctl", "show", "--no-pager", "--property", "Id,MainPID", *units)
    for unit in systemd.parse(shown or ""):
        process = systemd.number(unit, "MainPID")
        text = host.read(f"/proc/{process}/environ") if process else None
        if text is None:
            return None
        values[f"environment {unit.get('Id', '')}"] = "\n".join(sorted(_variables(text)))
    return State(values) if values else None


def _variables(text: str) -> Iterator[str]:
    for variable in text.split("\0"):
        name, equals, value = variable.partition("=")
        if equals and not _PASSING.match(variable):
            yield f"{name} secret={value}" if _SECRET.search(name) else variable
