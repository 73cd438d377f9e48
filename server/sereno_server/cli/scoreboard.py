"""Can its warnings be trusted, what is muted, and how degraded everything is."""

from typing import Annotated, Any

import typer

from sereno_server.cli.options import As, Json, client_of
from sereno_server.cli.printing import ago, listing, say

Days = Annotated[int, typer.Option("--days", min=1, max=3660, help="How far back.")]
DAY_S, HOUR_S, MINUTE_S = 86_400, 3600, 60
BAR_CHARS = 30


def scoreboard(*, days: Days = 90, as_json: Json = False, person: As = None) -> None:
    """Show how often the predictions were right, how early, and what is muted."""
    board: dict[str, Any] = client_of(person).get("/api/v1/scoreboard", days=days)
    if as_json:
        listing([board], (), as_json=True)
    else:
        tell_board(board)


def tell_board(board: dict[str, Any]) -> None:
    """Prints the scoreboard as the API gives it."""
    columns = ("predictor", "resource", "came_true", "hit", "miss", "prevented", "withdrawn", "lead", "false_days")
    rows = [{**board["total"], "predictor": "all"}, *board["predictors"]]
    listing([_score(row) for row in rows], columns, as_json=False)
    if board["leads"]:
        say("\nhow early the hits came")
        most = max(row["hits"] for row in board["leads"])
        listing([_lead(row, most) for row in board["leads"]], ("lead", "hits", "share"), as_json=False)
    if board["calibration"]:
        say("\nsaid so sure, came true so often")
        listing([_sure(row) for row in board["calibration"]], ("said", "came_true", "of"), as_json=False)
    if board["mutes"]:
        say("\nmuted: sereno unmute ID lets it alert again")
        mutes = [{**row, "since": ago(row["since"])} for row in board["mutes"]]
        listing(mutes, ("id", "device_name", "predictor", "resource", "object", "why", "since"), as_json=False)
    if board["useful"] or board["not_useful"]:
        say(f"\npeople said of tickets: {board['useful']} useful, {board['not_useful']} not")


def unmute(
    mute: Annotated[str, typer.Argument(metavar="ID", help="As `sereno scoreboard` lists it.")], *, person: As = None
) -> None:
    """Let a muted predictor alert again; what it got wrong so far is forgiven."""
    client_of(person).post(f"/api/v1/mutes/{mute}/end", {})
    say("it alerts again")


def rate(
    ticket: Annotated[str, typer.Argument(metavar="TICKET", help="T-1, 1 or its id.")],
    *,
    useful: Annotated[bool, typer.Option("--useful/--not-useful", help="Was it worth opening?")],
    person: As = None,
) -> None:
    """Say whether a ticket was useful; not useful counts as a miss of what predicted it."""
    client_of(person).post(f"/api/v1/tickets/{ticket}/rating", {"useful": useful})
    say("noted")


def degradation(
    device: Annotated[str, typer.Argument(metavar="[DEVICE]", help="Its name or id; everything without one.")] = "",
    *,
    as_json: Json = False,
    person: As = None,
) -> None:
    """Show how degraded a device or the organisation is, 0 = sound, 100 = broken, and by what."""
    path = f"/api/v1/devices/{device}/degradation" if device else "/api/v1/degradation"
    found: dict[str, Any] = client_of(person).get(path)
    if as_json:
        listing([found], (), as_json=True)
    else:
        tell_degradation(found)


def tell_degradation(found: dict[str, Any]) -> None:
    """Prints a degradation as the API gives it."""
    days = len(found["days"])
    say(f"{found['score']} of 100" + (f", worst of the last {days} days: {_worst(found)}" if days > 1 else ""))
    rows = [{**row, "what": _what(row), "since": ago(row["since"]) if row["since"] else ""} for row in found["parts"]]
    listing(rows, ("points", "kind", "what", "since"), as_json=False)


def _worst(found: dict[str, Any]) -> int:
    return max((int(row["worst"]) for row in found["days"]), default=int(found["score"]))


def _what(row: dict[str, Any]) -> str:
    figures = row["figures"]
    named = [str(figures[name]) for name in ("title", "name", "resource", "object") if figures.get(name)]
    return " ".join(named) or ", ".join(f"{name} {value:g}" for name, value in figures.items())


def _score(row: dict[str, Any]) -> dict[str, Any]:
    told = row["hit"] + row["miss"]
    share = f"{100 * row['hit'] / told:.0f} %" if told else ""
    lead_s = row["lead_median_s"]
    lead = "" if lead_s is None else _span(lead_s)
    return {**row, "came_true": share, "lead": lead, "false_days": f"{row['false_days']:.1f}"}


def _lead(row: dict[str, Any], most: int) -> dict[str, Any]:
    until = "or more" if row["to_s"] is None else f"to {_span(row['to_s'])}"
    return {
        "lead": f"{_span(row['from_s'])} {until}",
        "hits": row["hits"],
        "share": "█" * round(30 * row["hits"] / most),
    }


def _sure(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "said": f"{100 * row['said']:.0f} %",
        "came_true": f"{100 * row['hit'] / row['told']:.0f} %",
        "of": row["told"],
    }


def _span(seconds: float) -> str:
    for size, unit in ((DAY_S, "d"), (HOUR_S, "h")):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / MINUTE_S:.0f} min"


COMMANDS = (scoreboard, unmute, rate, degradation)
