"""What Windows tells by PowerShell: one question, rows as JSON.

Every property is chosen by name, so that the words of the system's language do not matter.
"""

import json
from typing import Any, Final

from sereno_agent.host import Host

_HEAD: Final = "$ErrorActionPreference='Stop'; [Console]::OutputEncoding=[Text.Encoding]::UTF8; "
TIMEOUT_S: Final = 60.0

Row = dict[str, Any]


def rows(host: Host, question: str, script: str, timeout_s: float = TIMEOUT_S) -> list[Row] | None:
    """The objects that a script writes. question: its name in recordings. None when it failed or said no JSON."""
    # The name goes first, so that a process list and a recording tell which question it is.
    command = f"<# {question} #> {_HEAD}@({script}) | ConvertTo-Json -Compress -Depth 4"
    text = host.ask(
        "powershell.exe", "-NoProfile", "-NonInteractive", "-Command", command, timeout_s=timeout_s, codes=(0,)
    )
    if text is None:
        return None
    try:
        found = json.loads(text.lstrip("\ufeff") or "[]")
    except ValueError:
        return None
    # PowerShell 5 writes an array of one object as the object itself.
    return [row for row in (found if isinstance(found, list) else [found]) if isinstance(row, dict)]
