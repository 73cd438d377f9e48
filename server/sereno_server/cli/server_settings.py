"""The server's settings as its own commands read them."""

import os
from pathlib import Path
from typing import Annotated

import typer

from sereno_server import config

ConfigFile = Annotated[Path | None, typer.Option("--config", help="server.toml; SERENO_* wins over it.")]


def settings_from(path: Path | None) -> config.Settings:
    """The server's settings: the file named, else ./server.toml where there is one, and the environment."""
    if path is None and Path("server.toml").is_file():
        path = Path("server.toml")
    return config.load(path, os.environ)
