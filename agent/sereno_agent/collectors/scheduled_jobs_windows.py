"""How the scheduled tasks that are not Windows' own ended: `scheduled_job_succeeded`, and how long ago they ran."""

from typing import Final

from sereno_agent import powershell
from sereno_agent.reading import Collect, Reading, Surroundings

INTERVAL_MS: Final = 300_000
DEADLINE_S: Final = 90.0
APART: Final = True
JOBS_MAX: Final = 200
_SCRIPT: Final = (
    r"Get-ScheduledTask | Where-Object {$_.TaskPath -notlike '\Microsoft\*'} | Get-ScheduledTaskInfo | Select-Object "
    "TaskName,LastTaskResult,@{n='Ran';e={if ($_.LastRunTime.Year -gt 2000) "
    "{[int64]($_.LastRunTime.ToUniversalTime() - [datetime]'1970-01-01').TotalSeconds}}}"
)
_NOT_RUN: Final = {0x41303, 0x41301}  # has not run yet, runs now


def make(surroundings: Surroundings) -> Collect:
    def collect(reading: Reading) -> None:
        for row in (powershell.rows(surroundings.host, "task_results", _SCRIPT) or ())[:JOBS_MAX]:
            label = ("job", str(row.get("TaskName", "")))
            result, ran = row.get("LastTaskResult"), row.get("Ran")
            if isinstance(result, int) and result not in _NOT_RUN:
                reading.gauge("scheduled_job_succeeded", result == 0, label)
            if isinstance(ran, int):
                reading.gauge("scheduled_job_age_seconds", max(0.0, surroundings.now_ms() / 1000 - ran), label)

    return collect
