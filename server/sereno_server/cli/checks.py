"""Checks: what there is on a device, and running one now."""

import json
import sys
from typing import Annotated, Any

import typer

from sereno_proto.errors import BadInput
from sereno_proto.limits import WORKER_TIMEOUT_S
from sereno_server.cli.options import As, Json, client_of
from sereno_server.cli.printing import listing, say


def check(
    device: Annotated[str, typer.Argument(help="The device's name.")],
    name: Annotated[str, typer.Argument(metavar="CHECK", help="Left out: list what can be run there.")] = "",
    *,
    given: Annotated[list[str] | None, typer.Option("--with", help="NAME=VALUE; names are the device's own.")] = None,
    ticket: Annotated[str, typer.Option(help="The ticket that the findings belong to.")] = "",
    as_json: Json = False,
    person: As = None,
) -> None:
    """Run a check on a device now, read-only; or list those there are with the names that it offers."""
    path = f"/api/v1/devices/{device}/checks"
    if not name:
        rows: list[dict[str, Any]] = client_of(person).get(path)
        if not as_json:
            rows = [{**row, "needs": _needs(row)} for row in rows]
        listing(rows, ("name", "title", "needs"), as_json=as_json)
        return
    pairs = [pair.partition("=") for pair in given or ()]
    if wrong := [key for key, sign, _ in pairs if not sign]:
        raise BadInput("E_PARAMETER", f"--with {wrong[0]}: it must be NAME=VALUE")
    body = {"check": name, "parameters": {key: value for key, _, value in pairs}, "ticket": ticket or None}
    result = client_of(person).post(path, body, timeout_s=WORKER_TIMEOUT_S + 10)
    if as_json:
        sys.stdout.write(json.dumps(result, indent=2, ensure_ascii=False) + "\n")
        return
    for one in result["findings"]:
        say(f"{one['severity']}: {one['title']}")
        if one["advice"]:
            say(f"  {one['advice']}")
        for key, value in one["evidence"]:
            say(f"  {key}: {value}")
    if result["truncated"]:
        say("A bound cut something off.")


def _needs(row: dict[str, Any]) -> str:
    return "; ".join(f"{key}: {', '.join(names) or 'none there'}" for key, names in row["offered"].items())


COMMANDS = (check,)
