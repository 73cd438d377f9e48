"""Tickets: the list, and one whole with what is known and what happens next."""

import json
import sys
from typing import Annotated, Any

import typer

from sereno_server.cli.options import As, Json, client_of
from sereno_server.cli.printing import listing, say


def tickets(*, as_json: Json = False, person: As = None) -> None:
    """List the tickets, the newest first."""
    rows = client_of(person).pages("/api/v1/tickets")
    if not as_json:
        rows = [{**row, "ticket": f"T-{row['number']}"} for row in rows]
    listing(rows, ("ticket", "state", "stage", "device_name", "title"), as_json=as_json)


def ticket(
    number: Annotated[str, typer.Argument(metavar="TICKET", help="T-1, 1 or its id.")],
    *,
    as_json: Json = False,
    person: As = None,
) -> None:
    """Show one ticket: cause, findings, runs and timeline."""
    view: dict[str, Any] = client_of(person).get(f"/api/v1/tickets/{number}")
    if as_json:
        sys.stdout.write(json.dumps([view], indent=2, ensure_ascii=False) + "\n")
        return
    say(f"T-{view['number']}  {view['title']}  ({view['state']}, {view['stage']})")
    for heading, key, columns in (
        ("causes", "causes", ("rank", "object", "summary", "why")),
        ("findings", "findings", ("severity", "title", "advice")),
        ("runs", "runs", ("id", "playbook", "state", "requester")),
        ("timeline", "timeline", ("at", "kind", "actor", "text")),
    ):
        if rows := view.get(key):
            rows = [{**row, **row["change"], "why": row["why"]} if key == "causes" else row for row in rows]
            say(f"\n{heading}")
            listing(rows, columns, as_json=False)


COMMANDS = (tickets, ticket)
