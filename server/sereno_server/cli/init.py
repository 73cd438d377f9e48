"""Setting a server up, on its own machine: settings, database, first administrator, organisation."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from sereno_proto.errors import BadInput
from sereno_server.access.accounts import account_id_by_name, create_account
from sereno_server.access.organisations import publish_roster, register_organisation
from sereno_server.access.sign_in import issue, utc_now
from sereno_server.cli.local_store import local_store
from sereno_server.cli.printing import out, say
from sereno_server.cli.server_settings import ConfigFile, settings_from
from sereno_server.cli.signing import public_key_in
from sereno_server.cli.workstation import Workstation, put
from sereno_server.config import Settings
from sereno_server.store.engine import Scope


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
    _print_link(asyncio.run(_set_up(settings, admin, line, organisation)))


def login_link(
    name: Annotated[str, typer.Argument(help="The account's name.")], *, config_file: ConfigFile = None
) -> None:
    """Print a one-time login link for an account, on the server's machine."""
    _print_link(asyncio.run(_link(settings_from(config_file), name)))


async def _set_up(settings: Settings, admin: str, key_line: str, organisation: Path | None) -> str:
    async with local_store(settings) as store, store.transaction(Scope.system()) as tx:
        if organisation is not None:
            place = Workstation(organisation)
            identity = await register_organisation(tx, *place.read("root"), actor=admin)
            await publish_roster(tx, identity, *place.read("roster"), actor=admin, now=utc_now())
        account_id = await create_account(tx, admin, admin, "administrator", organisation_id=None, public_key=key_line)
        return f"{settings.public_url}/enter/{await issue(tx, 'link', account_id, utc_now())}"


async def _link(settings: Settings, name: str) -> str:
    async with local_store(settings) as store, store.transaction(Scope.system()) as tx:
        account_id = await account_id_by_name(tx, name)
        if account_id is None:
            raise BadInput("E_NOT_FOUND", f"no account {name}")
        return f"{settings.public_url}/enter/{await issue(tx, 'link', account_id, utc_now())}"


def _print_link(link: str) -> None:
    out.print(link, markup=False)
    say("this link signs one browser in, once, within 15 minutes")


COMMANDS = (init, login_link)
