"""Running the server: `sereno serve`."""

import asyncio

from sereno_server.cli import logs
from sereno_server.cli.server_settings import ConfigFile, settings_from


def serve(config_file: ConfigFile = None) -> None:
    """Run the server until it is told to stop."""
    from sereno_server import app as server_app  # noqa: PLC0415  loads the whole server

    logs.to_stderr()
    asyncio.run(server_app.serve(settings_from(config_file)))


COMMANDS = (serve,)
