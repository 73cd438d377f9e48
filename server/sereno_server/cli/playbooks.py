"""Playbooks: what there is, and whether a folder of one's own can be used."""

from pathlib import Path
from typing import Annotated

import typer

from sereno_proto.errors import BadInput
from sereno_server.cli.options import Json
from sereno_server.cli.printing import listing, say
from sereno_server.runs.playbooks import LIBRARY, load_library, shipped_library

app = typer.Typer(no_args_is_help=True)


@app.command("list")
def list_playbooks(*, as_json: Json = False) -> None:
    """List the playbooks that come with Sereno."""
    library = shipped_library()
    rows = [
        {
            "name": book.name,
            "risk": library.risk_of(book.name),
            "parameters": [name + ("" if not one.optional else "?") for name, one in book.parameters.items()],
            "title": book.title,
            "summary": book.summary,
        }
        for _, book in sorted(library.playbooks.items())
    ]
    listing(rows, ("name", "risk", "parameters", "title"), as_json=as_json)


@app.command()
def lint(
    folders: Annotated[list[Path] | None, typer.Argument(help="Laid out as the library: disk/free_space.yaml.")] = None,
) -> None:
    """Check playbooks, beside those that come with Sereno; the first fault is told with file and line."""
    for folder in folders or ():
        if not folder.is_dir():
            raise BadInput("E_PLAYBOOK_SYNTAX", f"{folder} is no folder", "name the folder that holds them")
    places = [LIBRARY, *(folder for folder in folders or () if folder.resolve() != LIBRARY.resolve())]
    library = load_library(places)
    say(f"{len(library.playbooks)} playbooks, no fault")
