"""The server's settings as its own commands read them."""

import os
from pathlib import Path
from typing import Annotated

import typer

from sereno_proto.errors import BadInput
from sereno_server import config

ConfigFile = Annotated[Path | None, typer.Option("--config", help="server.toml; SERENO_* wins over it.")]


def settings_from(path: Path | None) -> config.Settings:
    """The server's settings: the file named, else ./server.toml where there is one, and the environment."""
    if path is None and Path("server.toml").is_file():
        path = Path("server.toml")
    return config.load(path, os.environ)


def settings_of_a_server(path: Path | None, start: Path | None = None) -> config.Settings:
    """Those of a server that exists; a demo's, here or in a folder above, where no other is named.

    Raises E_CONFIG where there is none: whoever only looks must not make a database.
    """
    here = (start or Path.cwd()).resolve()
    if path is None and not (here / "server.toml").is_file():
        demos = (folder / ".demo" / "server.toml" for folder in (here, *here.parents))
        path = next((one for one in demos if one.is_file()), None)
    settings = settings_from(path)
    if not settings.database_url and not _has_database(settings.data_dir):
        raise BadInput(
            "E_CONFIG",
            f"{settings.data_dir} holds no server's data",
            "name its server.toml with --config",
        )
    return settings


def _has_database(data_dir: Path) -> bool:
    return any((data_dir / name).exists() for name in ("postgresql", "postgresql.location"))
