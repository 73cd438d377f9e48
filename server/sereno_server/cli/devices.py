"""Devices, and the codes by which new ones join."""

from typing import Annotated

import typer

from sereno_server.cli import settings as cli_settings
from sereno_server.cli.options import As, Json, client_of
from sereno_server.cli.printing import ago, listing, out, say
from sereno_server.cli.workstation import local_root_digest


def devices(
    *,
    by_degradation: Annotated[bool, typer.Option("--by-degradation", help="The most degraded first.")] = False,
    as_json: Json = False,
    person: As = None,
) -> None:
    """List the devices: name, health, how degraded, when last seen."""
    rows = client_of(person).pages("/api/v1/devices", sort="degradation" if by_degradation else "need")
    if not as_json:
        rows = [{**row, "last_seen": ago(row.get("last_seen"))} for row in rows]
    listing(rows, ("name", "health", "degradation", "last_seen", "headline", "id"), as_json=as_json)


def join_code(
    *,
    valid_min: Annotated[int, typer.Option("--valid-min", min=1, max=1440, help="Minutes until it expires.")] = 60,
    person: As = None,
) -> None:
    """Make a one-time code with which one machine joins."""
    made = client_of(person).post("/api/v1/join-codes", {"valid_s": valid_min * 60})
    known = local_root_digest(cli_settings.load(cli_settings.find()).roster, made["code"])
    out.print(made["code"], markup=False)
    say(f"expires {made['expires']}; on the machine: sereno-agent join CODE")
    say(f"root {made['root_digest']}" + (" (the one on this workstation)" if known else " (compare it when joining)"))


def inventory(
    question: Annotated[str, typer.Argument(help="openssl < 3.0.15, nginx, lib*ssl*, or words of any fact.")],
    *,
    as_json: Json = False,
    person: As = None,
) -> None:
    """Ask the whole fleet which devices have what."""
    answer = client_of(person).get("/api/v1/inventory", q=question)
    listing(answer["facts"], ("device_name", "kind", "name", "value"), as_json=as_json)
    if not as_json:
        say(f"{answer['devices']} of {answer['of']} devices")


COMMANDS = (devices, join_code, inventory)
