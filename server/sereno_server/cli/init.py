"""Setting a server up, on its own machine: settings, database, first administrator, organisation."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from sereno_server.cli.printing import out, say
from sereno_server.cli.server_settings import ConfigFile, settings_from, settings_of_a_server
from sereno_server.cli.signing import public_key_in
from sereno_server.cli.workstation import put


def init(
    *,
    admin: Annotated[str, typer.Option(help="The first administrator's short name.")] = "admin",
    key: Annotated[
        Path | None, typer.Option(metavar="KEY.pub", help="The administrator's key for `sereno login`.")
    ] = None,
    organisation: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Signed root and roster.")] = None,
    data: Annotated[Path | None, typer.Option(metavar="DIR", help="Data folder, written to a new server.toml.")] = None,
    public_url: Annotated[str, typer.Option(help="The console's address, written to a new server.toml.")] = "",
) -> None:
    """Make server.toml, the database and the first administrator, and print a one-time login link."""
    config_file = Path("server.toml")
    if not config_file.exists():
        lines = [f'data_dir = "{data.resolve()}"'] if data else []
        lines += [f'public_url = "{public_url}"'] if public_url else []
        put(config_file, "".join(f"{line}\n" for line in lines).encode())
        say(f"wrote {config_file.resolve()}")
    settings = settings_from(config_file)
    line = public_key_in(key).line if key else ""
    from sereno_server.cli import setting_up  # noqa: PLC0415  loads the server's store

    _print_link(asyncio.run(setting_up.set_up(settings, admin, line, organisation)))


def login_link(
    name: Annotated[str, typer.Argument(help="The account's name.")], *, config_file: ConfigFile = None
) -> None:
    """Print a one-time login link for an account, on the server's machine."""
    from sereno_server.cli import setting_up  # noqa: PLC0415  loads the server's store

    _print_link(asyncio.run(setting_up.link(settings_of_a_server(config_file), name)))


def _print_link(link: str) -> None:
    out.print(link, markup=False)
    say("this link signs one browser in, once, within 15 minutes")


COMMANDS = (init, login_link)
