"""The options that many commands share, and how they become a client."""

from typing import Annotated

import typer

from sereno_server.cli import settings as cli_settings
from sereno_server.cli.client import Client

Json = Annotated[bool, typer.Option("--json", help="Print one JSON array instead of a table.")]
As = Annotated[str | None, typer.Option("--as", metavar="NAME", help="Whose keys to use; else the settings' person.")]


def client_of(person: str | None = None, *, approver: bool = False) -> Client:
    """A client for the person, with the settings that are in force here."""
    settings = cli_settings.load(cli_settings.find())
    return Client(settings, settings.who(person, approver=approver))
