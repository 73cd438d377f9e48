"""A whole installation on this machine: `sereno demo`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Drill(StrEnum):
    """What the demo can play."""

    disk = "disk"
    forged = "forged"


def demo(
    *,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Of the console.")] = 8080,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Do not open the console.")] = False,
    drill: Annotated[Drill | None, typer.Option(help="Play a story: disk or forged.")] = None,
    leave: Annotated[bool, typer.Option("--exit", help="Stop when the drill, or the start, is done.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON lines; the last one is the outcome.")] = False,
    data: Annotated[Path | None, typer.Option(metavar="DIR", help="Else .demo in the clone.")] = None,
) -> None:
    """Start server, agent and people in one folder; Ctrl-C stops them, a second start resumes."""
    from sereno_server.demo.place import default_folder  # noqa: PLC0415  loads the whole server
    from sereno_server.demo.run import run  # noqa: PLC0415

    quiet = no_browser or leave or as_json
    run(
        data or default_folder(),
        port=port,
        browser=not quiet,
        drill=drill.value if drill else None,
        leave=leave,
        as_json=as_json,
    )


COMMANDS = (demo,)
