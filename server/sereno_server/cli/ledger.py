"""The server's ledger: everything that was done, chained."""

from typing import Annotated

import typer

from sereno_proto.errors import Refused
from sereno_server.cli.options import As, Json, client_of
from sereno_server.cli.printing import listing, say

app = typer.Typer(no_args_is_help=True)


@app.command("list")
def list_rows(
    *,
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many of the newest rows.")] = 50,
    as_json: Json = False,
    person: As = None,
) -> None:
    """List the newest rows."""
    page = client_of(person).get("/api/v1/ledger", limit=limit)
    listing(page["items"], ("position", "at", "actor", "verb", "object"), as_json=as_json)


@app.command()
def verify(*, as_json: Json = False, person: As = None) -> None:
    """Check the chain from its first row to its last."""
    verdict = client_of(person).get("/api/v1/ledger/verify")
    if as_json:
        listing([verdict], (), as_json=True)
    if not verdict["sound"]:
        first = verdict["faults"][0]
        raise Refused("E_LEDGER_BROKEN", ", ".join(f"{key}: {value}" for key, value in first.items()))
    if not as_json:
        head = verdict["head"]
        say(f"{head['position']} rows, unbroken; head {head['digest']}; {verdict['waiting']} not chained yet")
