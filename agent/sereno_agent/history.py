"""`sereno-agent history`: the local ledger, whether its chain is whole, and whether it still holds an earlier head."""

import datetime as dt
import json
from dataclasses import asdict

from sereno_agent import ledger
from sereno_agent.folders import Folders
from sereno_proto.errors import SerenoError


def show(folders: Folders, *, as_json: bool, head: str = "", last: int = 0) -> tuple[list[str], bool]:
    """The lines to print, and whether the chain is whole and holds `head`, where one is given.

    A head is a digest that was noted before: by a person, or by the server, which gets it with every status. When a
    row of today's chain has it, nothing up to that row was changed since. `last` shows only so many rows.
    """
    rows: list[ledger.Row] = []
    try:
        rows.extend(ledger.rows(folders.ledger))
        verdict, whole = _verdict(rows, head)
    except SerenoError as error:
        verdict, whole = f"BROKEN after row {len(rows)}: {error.line()}", False
    shown = rows[-last:] if last else rows
    if as_json:
        return [json.dumps([asdict(row) for row in shown])], whole
    return [*(_line(row) for row in shown), verdict], whole


def _verdict(rows: list[ledger.Row], head: str) -> tuple[str, bool]:
    end = f"{len(rows)} rows, the chain is whole. Head: {rows[-1].digest}" if rows else "Nothing remote was done."
    if not head:
        return end, True
    found = next((row.number for row in rows if row.digest == head), 0)
    if found:
        return f"{end}\nRow {found} has the head you gave: nothing up to it was changed since.", True
    return f"{end}\nNO ROW HAS THE HEAD YOU GAVE: {head}. This is not the ledger it was noted from.", False


def _line(row: ledger.Row) -> str:
    at = dt.datetime.fromtimestamp(row.at_ms / 1000, dt.UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    who = ", ".join(f"{key} {row.detail[key]}" for key in ("requester", "approvers") if row.detail.get(key))
    return "  ".join(part for part in (f"{row.number:>4}", at, row.verb, row.object, row.code, row.what, who) if part)
