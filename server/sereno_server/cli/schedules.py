"""Schedules: at which times the server asks devices for plans. It never signs; people do, or nothing happens."""

from typing import Annotated, Any
from urllib.parse import quote

import typer

from sereno_server.cli.options import As, Json, client_of
from sereno_server.cli.printing import listing, say
from sereno_server.cli.rollouts import sizes

app = typer.Typer(no_args_is_help=True)


@app.command("add")
def add(
    cron: Annotated[str, typer.Argument(help="Minute, hour, day, month, weekday: '0 3 * * sat'.")],
    playbook: Annotated[str, typer.Argument()],
    devices: Annotated[
        list[str] | None, typer.Argument(help="Names, where neither --group nor --query is given.")
    ] = None,
    *,
    zone: Annotated[str, typer.Option(help="As in Europe/Madrid.")] = "UTC",
    group: Annotated[str, typer.Option(metavar="SITE")] = "",
    query: Annotated[str, typer.Option(help="What the fleet search finds then.")] = "",
    given: Annotated[list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A parameter.")] = None,
    rings: Annotated[str, typer.Option(help="Sizes of the first rings.")] = "1",
    in_maintenance: Annotated[bool, typer.Option(help="Only where maintenance is announced then.")] = False,
    person: As = None,
) -> None:
    """Add a schedule."""
    parameters = dict(pair.partition("=")[::2] for pair in given or [])
    body: dict[str, Any] = {"cron": cron, "zone": zone, "playbook": playbook, "parameters": parameters}
    body |= {"devices": devices or [], "group": group, "query": query, "rings": sizes(rings)}
    body["in_maintenance"] = in_maintenance
    say(f"{client_of(person).post('/api/v1/schedules', body)['schedule_id']}: added")


@app.command("list")
def list_schedules(*, as_json: Json = False, person: As = None) -> None:
    """List schedules, the next first."""
    rows = client_of(person).pages("/api/v1/schedules")
    listing(rows, ("id", "next_at", "playbook", "cron", "zone", "made_by", "last_what"), as_json=as_json)


@app.command("remove")
def remove(schedule_id: Annotated[str, typer.Argument(metavar="SCHEDULE")], *, person: As = None) -> None:
    """Forget a schedule; what it has asked for already goes on."""
    client_of(person).post(f"/api/v1/schedules/{quote(schedule_id)}/remove", {})
    say(f"{schedule_id}: removed")
