"""`sereno-agent history`: the local ledger, and whether its chain is whole."""

import datetime as dt
import json
from dataclasses import asdict

from sereno_agent import ledger
from sereno_agent.folders import Folders
from sereno_proto.errors import SerenoError


def show(folders: Folders, *, as_json: bool) -> tuple[list[str], bool]:
    """The lines to print, and whether the chain is whole."""
    rows: list[ledger.Row] = []
    try:
        rows.extend(ledger.rows(folders.ledger))
        head = ledger.verify(folders.ledger)
        verdict = f"{head.length} rows, the chain is whole. Head: {head.digest}"
        whole = True
    except SerenoError as error:
        verdict = f"BROKEN: {error.line()}"
        whole = False
    if as_json:
        return [json.dumps([asdict(row) for row in rows])], whole
    return [*(_line(row) for row in rows), verdict if rows or not whole else "Nothing remote was done."], whole


def _line(row: ledger.Row) -> str:
    at = dt.datetime.fromtimestamp(row.at_ms / 1000, dt.UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    return "  ".join(part for part in (at, row.verb, row.object, row.code, row.what) if part)
