"""The server's data on disk, on its own machine."""

import asyncio
import shutil
from typing import TYPE_CHECKING, Any

from sereno_server.cli.options import Json
from sereno_server.cli.printing import listing, say
from sereno_server.cli.server_settings import ConfigFile, settings_of_a_server

if TYPE_CHECKING:
    from sereno_server.config import Settings
    from sereno_server.store.disk import Use

UNITS = ("B", "kB", "MB", "GB", "TB", "PB")
COLUMNS = ("kind", "on_disk", "kept", "since", "a_day")


def store(*, as_json: Json = False, config_file: ConfigFile = None) -> None:
    """Show what each kind of data takes on disk and how long it is kept, on the server's machine."""
    settings = settings_of_a_server(config_file)
    uses = asyncio.run(_uses(settings))
    if as_json:
        listing([_row(one) for one in uses], (), as_json=True)
        return
    listing([_shown(one) for one in uses], COLUMNS, as_json=False)
    if not settings.database_url:
        free = shutil.disk_usage(settings.data_dir).free
        say(f"{_amount(free)} are free where {settings.data_dir} is")


async def _uses(settings: "Settings") -> "list[Use]":
    from sereno_server.cli.local_store import local_store  # noqa: PLC0415  loads the server's store
    from sereno_server.store.disk import use  # noqa: PLC0415
    from sereno_server.store.engine import Scope  # noqa: PLC0415

    async with local_store(settings) as opened, opened.transaction(Scope.system()) as tx:
        return await use(tx)


def _row(one: "Use") -> dict[str, Any]:
    return {
        "kind": one.kind,
        "bytes": one.bytes,
        "kept_days": one.kept_days,
        "since": one.since.isoformat() if one.since else None,
        "day_bytes": one.day_bytes,
    }


def _shown(one: "Use") -> dict[str, str]:
    return {
        "kind": one.kind,
        "on_disk": _amount(one.bytes),
        "kept": f"{one.kept_days} days" if one.kept_days else "-",
        "since": one.since.isoformat() if one.since else "-",
        "a_day": _amount(one.day_bytes) if one.day_bytes is not None else "-",
    }


def _amount(size: int) -> str:
    """12.3 MB; a thousand bytes are a kB."""
    value, unit = float(size), 0
    while value >= 1000 and unit < len(UNITS) - 1:  # noqa: PLR2004
        value, unit = value / 1000, unit + 1
    return f"{value:.1f} {UNITS[unit]}" if unit else f"{size} B"


COMMANDS = (store,)
