"""Programs that crashed and left a core dump: by coredumpctl, or by what lies in the folder for them."""

import json
from collections import Counter

from sereno_diagnostics.findings import FINE, NOTE, SERIOUS, ago, counted, finding, untold
from sereno_diagnostics.parameters import Parameter, Values
from sereno_diagnostics.reading import Reader
from sereno_proto.v1.runs_pb2 import Finding

TITLE = "Crashes"
PARAMETERS = (Parameter("hours", "number", "how far back to look", default="168", minimum=1, maximum=2160),)
READS = ("core_dumps", "/var/lib/systemd/coredump/*", "/var/crash/*")
SEVERITIES = {"serious": "one program crashed 3 times or more in that time", "note": "something crashed"}
FIGURES = {"crashes": "crashes in that time", "programs": "different programs that crashed"}
ROWS_SHOWN = 16
_OFTEN = 3
_FOLDERS = ("/var/lib/systemd/coredump", "/var/crash")

Crash = tuple[float, str, str]  # when, program, what ended it


def check(values: Values, reader: Reader) -> list[Finding]:
    """One finding, the latest first as evidence."""
    since = reader.now_s() - float(values["hours"]) * 3600
    told = reader.told("core_dumps", hours=f"{values['hours']:.0f}")
    listed = [] if told is None else _parse(told)
    lying = [] if listed else [crash for folder in _FOLDERS for crash in _lying(reader, folder) if crash[0] >= since]
    if told is None and not any(reader.names(folder) for folder in _FOLDERS):
        return untold("Crashes", "nothing keeps core dumps here, or this user may not look")
    crashes = sorted(listed or lying, reverse=True)
    programs = Counter(program for _, program, _ in crashes)
    worst = programs.most_common(1)
    severity = FINE if not crashes else SERIOUS if worst[0][1] >= _OFTEN else NOTE
    title = (
        f"{counted(len(crashes), 'crash') if len(crashes) == 1 else f'{len(crashes)} crashes'}, most of {worst[0][0]}"
        if crashes
        else "Nothing crashed"
    )
    return [
        finding(
            severity,
            title,
            advice="Send its core dump to who makes the program, or go back to the version before."
            if severity > FINE
            else "",
            evidence=[(program, f"{what}, {ago(reader.now_s() - at)}") for at, program, what in crashes[:ROWS_SHOWN]],
            figures={"crashes": len(crashes), "programs": len(programs)},
        )
    ]


def _parse(text: str) -> list[Crash]:
    """`coredumpctl --json=short list`: time in microseconds, exe, sig."""
    try:
        rows = json.loads(text)
    except ValueError:
        return []
    return [
        (row.get("time", 0) / 1e6, str(row.get("exe") or "unknown").rpartition("/")[2], f"signal {row.get('sig', '?')}")
        for row in rows
        if isinstance(row, dict)
    ]


def _lying(reader: Reader, folder: str) -> list[Crash]:
    """`core.NAME.UID.BOOT.PID.TIME.zst`, as systemd writes them; Ubuntu's `_usr_bin_name.UID.crash`."""
    found = []
    for name in reader.names(folder):
        status = reader.look(f"{folder}/{name}")
        if status is not None and name.startswith("core."):
            found.append((status.modified_s, name.split(".")[1], "a core dump"))
        elif status is not None and name.endswith(".crash"):
            found.append((status.modified_s, name.partition(".")[0].rpartition("_")[2], "a crash report"))
    return found
