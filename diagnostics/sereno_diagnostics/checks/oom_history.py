"""What the kernel killed for want of memory lately, and in which group: its own messages in the journal."""

import re

from sereno_diagnostics.findings import FINE, SERIOUS, ago, counted, finding, untold
from sereno_diagnostics.journal import rows
from sereno_diagnostics.parameters import Parameter, Values
from sereno_diagnostics.reading import Reader
from sereno_proto.v1.runs_pb2 import Finding

TITLE = "Kills for want of memory"
PARAMETERS = (Parameter("hours", "number", "how far back to look", default="168", minimum=1, maximum=2160),)
READS = ("journal_kernel", "/proc/vmstat")
TIMEOUT_S = 30.0
SEVERITIES = {"serious": "something was killed in that time"}
FIGURES = {
    "kills": "processes killed in that time, as the journal has them",
    "kills_since_start": "processes killed since the machine started, as the kernel counts them",
    "last_age_s": "seconds since the last; missing when there was none",
}
ROWS_SHOWN = 16
_KILLED = re.compile(r"(Memory cgroup out of memory|Out of memory).*?[Kk]illed process (\d+) \(([^)]*)\)")


def check(values: Values, reader: Reader) -> list[Finding]:
    """One finding, the latest first as evidence."""
    told = reader.told("journal_kernel", hours=f"{values['hours']:.0f}")
    since_start = reader.memory_counts().get("oom_kill")
    if told is None and since_start is None:
        return untold("What was killed", "there is no journal that this user may read, and the kernel does not count")
    kills = [
        (row.at_s, found[3], "its group's limit" if found[1].startswith("Memory cgroup") else "the whole machine")
        for row in rows(told or "")
        if (found := _KILLED.search(row.text))
    ][::-1]
    figures: dict[str, float] = {"kills": len(kills)}
    if since_start is not None:
        figures["kills_since_start"] = since_start
    now = reader.now_s()
    if kills:
        figures["last_age_s"] = max(0.0, now - kills[0][0])
    count = max(len(kills), since_start or 0)
    last = f", last {kills[0][1]} {ago(now - kills[0][0])}" if kills else ""
    return [
        finding(
            SERIOUS if count else FINE,
            f"{counted(count, 'process') if count == 1 else f'{count} processes'} killed for want of memory{last}"
            if count
            else "Nothing was killed for want of memory",
            advice="Find what grows (leak_suspects), give it less to do or the machine more memory." if count else "",
            evidence=[(name, f"{ago(now - at)}, {where} had no memory left") for at, name, where in kills[:ROWS_SHOWN]],
            figures=figures,
        )
    ]
