"""The server's ledger: everything that was done, chained, and verified here rather than by the server's own word."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from sereno_proto.checkpoint import read_checkpoint
from sereno_proto.errors import BadInput, Refused
from sereno_proto.ids import organisation_id
from sereno_server.audit import standalone
from sereno_server.cli import settings as cli_settings
from sereno_server.cli.client import Client
from sereno_server.cli.options import As, Json, client_of
from sereno_server.cli.printing import listing, say
from sereno_server.cli.workstation import put

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
def verify(
    *,
    witness: Annotated[
        Path | None, typer.Option(help="A checkpoint kept elsewhere, or a device's witness.json.")
    ] = None,
    as_json: Json = False,
    person: As = None,
) -> None:
    """Fetch the whole ledger and verify it here, beside the checkpoint that this workstation saw last."""
    client = client_of(person)
    header = client.get("/api/v1/ledger/export")
    checkpoint = read_checkpoint(header["checkpoint"].encode())
    _require_ours(cli_settings.load(cli_settings.find()), checkpoint.organisation_id)
    own = cli_settings.find().parent / f"witness-{checkpoint.organisation_id}.txt"
    kept = _read(witness) if witness else own.read_text() if own.exists() else ""
    try:
        said = standalone.verify(_lines(client, header), kept, _key_of(own, header))
    except standalone.WrongError as error:
        raise Refused("E_LEDGER_FORKED" if kept else "E_LEDGER_BROKEN", str(error)) from error
    put(own, header["checkpoint"].encode())
    put(own.with_suffix(".key"), header["verifier_key"].encode())
    if as_json:
        listing([{"sound": True, "rows": checkpoint.size, "said": said}], (), as_json=True)
    else:
        say(said)


@app.command("export")
def export_rows(
    file: Annotated[Path, typer.Argument(help="Where to write it.")],
    *,
    row: Annotated[
        int | None, typer.Option(min=1, help="Only this row, with the proof that it is in the ledger.")
    ] = None,
    person: As = None,
) -> None:
    """Write the ledger, or one row with its proof, for others to verify: see `sereno ledger verifier`."""
    client = client_of(person)
    if row is not None:
        put(file, (json.dumps(client.get(f"/api/v1/ledger/{row}/proof")) + "\n").encode())
        return
    count = -1
    part = file.with_name(f"{file.name}.part")
    with part.open("w") as out:
        for line in _lines(client, client.get("/api/v1/ledger/export")):
            out.write(line + "\n")
            count += 1
    part.replace(file)
    say(f"{count} rows")


@app.command()
def verifier() -> None:
    """Print a program that verifies an export with Python alone: `sereno ledger verifier > verify_ledger.py`."""
    typer.echo(Path(standalone.__file__).read_text(), nl=False)


def _require_ours(settings: cli_settings.Settings, organisation: str) -> None:
    """Raises E_LEDGER_FORKED when the ledger is another organisation's than this workstation knows.

    The server names the organisation, and what was witnessed is kept by that name: a server that took a new name for a
    rewritten ledger would meet a workstation without memory.
    """
    place, known = settings.roster / "root.txt", settings.path.parent / "ledgers.json"
    names: dict[str, str] = json.loads(known.read_text()) if known.exists() else {}
    server = settings.server_url()
    ours = organisation_id(place.read_bytes()) if place.exists() else names.get(server, organisation)
    if organisation != ours:
        raise Refused("E_LEDGER_FORKED", f"the ledger is said to be of {organisation}, and was of {ours}")
    if names.get(server) != ours:
        put(known, json.dumps({**names, server: ours}, indent=2).encode())


def _lines(client: Client, header: dict[str, Any]) -> Iterator[str]:
    """The lines of an export up to the header's checkpoint."""
    yield json.dumps(header)
    upto, after = read_checkpoint(header["checkpoint"].encode()).size, 0
    while upto:
        part = client.get("/api/v1/ledger/export", after=after, upto=upto)
        yield from map(json.dumps, part["items"])
        after = part["next"]
        if not after:
            return


def _key_of(own: Path, header: dict[str, Any]) -> str:
    """The key that signed the last time, so that a server with another one shows; the first one is remembered."""
    known = own.with_suffix(".key")
    if not known.exists():
        return str(header["verifier_key"])
    return known.read_text()


def _read(path: Path) -> str:
    try:
        content = path.read_text()
        return str(json.loads(content)["text"]) if content.startswith("{") else content
    except (OSError, ValueError, KeyError) as error:
        raise BadInput("E_CHECKPOINT", f"{path} is no checkpoint") from error
