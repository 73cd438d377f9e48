"""The approval page of this release: written to a folder, to be put on a host that the server does not control."""

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated

import typer

from sereno_server.approve_site import build
from sereno_server.cli.printing import out, say


def approve_site(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Made where it is missing; index.html is written.")],
) -> None:
    """Write the approval page, one static file, and print its digest."""
    path = build.write(folder)
    say(f"{path}: {build.digest()}")
    say("put it on any static host but the server's own, over https; then set `approve_url` in server.toml")


def told(wanted: bool) -> None:
    """Prints the release and its page's digest, and ends."""
    if not wanted:
        return
    try:
        number = version("sereno")
    except PackageNotFoundError:
        number = "not installed"
    out.print(f"sereno {number}", markup=False)
    out.print(f"approval page {build.digest()}", markup=False)
    raise typer.Exit


COMMANDS = (approve_site,)
