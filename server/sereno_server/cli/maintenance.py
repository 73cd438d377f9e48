"""Announced work, during which nothing new alerts."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from sereno_proto.errors import BadInput
from sereno_server.cli.options import As, Json, client_of
from sereno_server.cli.printing import listing, say

app = typer.Typer(no_args_is_help=True)
UNITS = {"m": "minutes", "h": "hours", "d": "days"}

Device = Annotated[str, typer.Argument(help="A device; left out: all, or those of --site.")]


@app.command()
def start(
    device: Device = "",
    *,
    lasting: Annotated[str, typer.Option("--for", metavar="TIME", help="30m, 2h, 1d.")] = "1h",
    reason: Annotated[str, typer.Option("--reason", help="What will be done.")],
    at: Annotated[datetime | None, typer.Option("--at", help="When it begins, UTC; left out: now.")] = None,
    site: Annotated[str, typer.Option("--site", help="Every device of this site.")] = "",
    person: As = None,
) -> None:
    """Announce work: no new alert of what it covers while it is on."""
    begins = at.replace(tzinfo=UTC) if at else None
    ends = (begins or datetime.now(UTC)) + span(lasting)
    body = {"device": device, "site": site, "ends": ends.isoformat(), "reason": reason}
    made = client_of(person).post("/api/v1/maintenance", body | ({"starts": begins.isoformat()} if begins else {}))
    say(f"{made['id']} until {ends:%Y-%m-%d %H:%M} UTC; end it sooner: sereno maintenance end {made['id']}")


@app.command()
def end(window: Annotated[str, typer.Argument(help="mnt_… as listed.")], *, person: As = None) -> None:
    """End it now."""
    client_of(person).post(f"/api/v1/maintenance/{window}/end", {})
    say(f"{window} is over")


@app.command("list")
def list_windows(*, as_json: Json = False, person: As = None) -> None:
    """List what is on and what is to come."""
    rows = client_of(person).pages("/api/v1/maintenance")
    listing(rows, ("id", "device_name", "site", "starts_at", "ends_at", "reason", "made_by"), as_json=as_json)


def place(
    device: Annotated[str, typer.Argument(help="Name or id.")],
    *,
    parent: Annotated[str, typer.Option("--parent", help="The device that it is reached through.")] = "",
    site: Annotated[str, typer.Option("--site", help="Where it stands.")] = "",
    person: As = None,
) -> None:
    """Say where a device stands: its site, and its parent. While the parent is silent, nothing new alerts of it."""
    client_of(person).put(f"/api/v1/devices/{device}/place", {"parent": parent, "site": site})
    say(f"{device}: site {site or 'none'}, reached through {parent or 'none'}")


def span(text: str) -> timedelta:
    """30m, 2h, 1d. Raises E_BAD_REQUEST for anything else."""
    found = re.fullmatch(r"(\d{1,4})([mhd])", text)
    if found is None:
        raise BadInput("E_BAD_REQUEST", f"{text!r} is no length of time", "say 30m, 2h or 1d")
    return timedelta(**{UNITS[found[2]]: int(found[1])})


COMMANDS = (place,)
