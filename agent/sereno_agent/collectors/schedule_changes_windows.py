"""Scheduled tasks that are not Windows' own: what they run, when, as whom."""

from typing import Final

from sereno_agent import powershell
from sereno_agent.comparison import Comparison, State
from sereno_agent.host import Host
from sereno_agent.reading import Collect, Surroundings

INTERVAL_MS: Final = 300_000
DEADLINE_S: Final = 90.0
APART: Final = True
_SCRIPT: Final = (
    r"Get-ScheduledTask | Where-Object {$_.TaskPath -notlike '\Microsoft\*'} | Select-Object TaskPath,TaskName,"
    "@{n='Enabled';e={$_.Settings.Enabled}},@{n='User';e={$_.Principal.UserId}},"
    "@{n='Runs';e={($_.Actions | ForEach-Object {\"$($_.Execute) $($_.Arguments)\".Trim()}) -join '; '}},"
    "@{n='When';e={($_.Triggers | ForEach-Object {\"$($_.CimClass.CimClassName -replace 'MSFT_Task|Trigger','') "
    "$($_.StartBoundary) $($_.Repetition.Interval)\".Trim()}) -join '; '}}"
)


def make(surroundings: Surroundings) -> Collect:
    return Comparison("schedule_changes", lambda: read(surroundings.host), surroundings).collect


def read(host: Host) -> State | None:
    """Each task as text; None when Windows did not answer."""
    rows = powershell.rows(host, "tasks", _SCRIPT)
    if rows is None:
        return None
    return State(
        {
            f"task {row.get('TaskPath', '')}{row.get('TaskName', '')}": "\n".join(
                (
                    f"runs {row.get('Runs') or 'nothing'}",
                    f"when {row.get('When') or 'asked'}",
                    f"as {row.get('User') or 'nobody'}, {'enabled' if row.get('Enabled') else 'disabled'}",
                )
            )
            for row in rows
        }
    )
