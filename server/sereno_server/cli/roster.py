"""The roster: edited on a workstation from the last signed copy, signed by the root, then given to the server."""

import difflib
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from sereno_proto import sshsig
from sereno_proto.errors import BadInput, Refused
from sereno_proto.ids import organisation_id
from sereno_proto.limits import ROSTER_DAYS_MAX
from sereno_proto.roster import (
    DEFAULT_THRESHOLDS,
    PURPOSES,
    Person,
    Roster,
    RosterKey,
    Threshold,
    read_roster,
    verify_roster,
    write_roster,
)
from sereno_server.cli.options import As, Json, client_of
from sereno_server.cli.printing import listing, out, plain, say
from sereno_server.cli.root import workstation
from sereno_server.cli.signing import public_key_in, signer_for
from sereno_server.cli.workstation import Workstation, put

app = typer.Typer(no_args_is_help=True)
Days = Annotated[int, typer.Option(min=1, max=ROSTER_DAYS_MAX, help="Valid for so many days.")]
ApproveKeys = Annotated[list[Path] | None, typer.Option(metavar="KEY.pub", help="Signs requests and approvals.")]
SessionKeys = Annotated[list[Path] | None, typer.Option(metavar="KEY.pub", help="Signs in to the server.")]
RegistrarKeys = Annotated[list[Path] | None, typer.Option(metavar="KEY.pub", help="Signs names of devices.")]


@app.command()
def new(*, days: Days = ROSTER_DAYS_MAX) -> None:
    """Start the next roster: a draft with the persons of the last signed one, a higher version and a new expiry."""
    place = workstation()
    draft = _next(place, days)
    if not draft.persons:
        say(f"version {draft.version} is the first; put its first person in: `sereno roster add`")
        return
    _keep(place, draft)
    say(f"draft of version {draft.version} in {place.draft}; now `sereno roster add`, then `sign`")


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="The person's short name: noa.")],
    *,
    display: Annotated[str, typer.Option(help="The name people read.")] = "",
    role: Annotated[str, typer.Option(help="technician, approver or administrator")] = "technician",
    approve: ApproveKeys = None,
    session: SessionKeys = None,
    registrar: RegistrarKeys = None,
) -> None:
    """Put a person and their public keys into the draft, or change the one of that name."""
    given = dict(zip(PURPOSES, (session, approve, registrar), strict=True))
    keys = tuple(RosterKey(purpose, public_key_in(path)) for purpose, paths in given.items() for path in paths or ())

    def change(draft: Roster) -> Roster:
        others = tuple(person for person in draft.persons if person.name != name)
        return replace(draft, persons=(*others, Person(name, display or name, role, keys)))

    edit(change)


@app.command("set")
def change_person(
    name: Annotated[str, typer.Argument(help="The person's short name.")],
    *,
    display: Annotated[str, typer.Option(help="The name people read.")] = "",
    role: Annotated[str, typer.Option(help="technician, approver or administrator")] = "",
    approve: ApproveKeys = None,
    session: SessionKeys = None,
    registrar: RegistrarKeys = None,
    drop: Annotated[list[str] | None, typer.Option(metavar="SHA256:…", help="Take a key out.")] = None,
) -> None:
    """Change a person in the draft: name, role, one more key of a purpose, a key less."""
    given = dict(zip(PURPOSES, (session, approve, registrar), strict=True))
    keys = tuple(RosterKey(purpose, public_key_in(path)) for purpose, paths in given.items() for path in paths or ())

    def change(draft: Roster) -> Roster:
        found = draft.person(name)
        if found is None:
            raise BadInput("E_NOT_FOUND", f"{name} is not in the draft", f"add the person: `sereno roster add {name}`")
        kept = tuple(key for key in found.keys if key.public_key.fingerprint not in (drop or []))
        if len(kept) != len(found.keys) - len(drop or []):
            raise BadInput("E_NOT_FOUND", f"{name} has no such key", "see `sereno roster show`")
        changed = Person(name, display or found.display, role or found.role, (*kept, *keys))
        return replace(draft, persons=tuple(changed if one is found else one for one in draft.persons))

    edit(change)


@app.command()
def expires(days: Annotated[int, typer.Argument(min=1, max=ROSTER_DAYS_MAX, help="From now on.")]) -> None:
    """Say in the draft until when the roster holds."""

    def change(draft: Roster) -> Roster:
        now = datetime.now(UTC).replace(microsecond=0)
        return replace(draft, issued=now, expires=now + timedelta(days=days))

    edit(change)


@app.command()
def diff() -> None:
    """Show what the draft changes in the last signed roster; nothing is signed."""
    place = workstation()
    _print_difference(place, write_roster(_draft(place)))


@app.command()
def remove(name: Annotated[str, typer.Argument(help="The person's short name.")]) -> None:
    """Take a person out of the draft."""

    def change(draft: Roster) -> Roster:
        left = tuple(person for person in draft.persons if person.name != name)
        if len(left) == len(draft.persons):
            raise BadInput("E_NOT_FOUND", f"{name} is not in the draft")
        return replace(draft, persons=left)

    edit(change)


@app.command()
def threshold(
    risk: Annotated[str, typer.Argument(help="low, medium or high")],
    rule: Annotated[str, typer.Argument(help="'1 self', '1 other', '2 others', '2 others with touch'")],
) -> None:
    """Say in the draft how many persons approve a risk."""
    match = re.fullmatch(r"([1-9]) (self|other|others)( with touch)?", rule)
    if match is None:
        raise BadInput("E_PARAMETER", f"{rule!r} is not such as '1 other' or '2 others with touch'")
    wanted = Threshold(int(match[1]), match[2] == "self", match[3] is not None)
    edit(lambda draft: replace(draft, thresholds={**draft.thresholds, risk: wanted}))


@app.command()
def sign(
    key: Annotated[list[str], typer.Option("--key", help="A root key: file, .pub of a key in ssh-agent, or agent.")],
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Sign without asking; the difference is shown.")] = False,
) -> None:
    """Show what differs from the last signed roster, then sign the draft with the root."""
    place = workstation()
    draft = _draft(place)
    text = write_roster(draft)
    last = last_signed(place)
    if draft.version != (last.version if last else 0) + 1:
        raise Refused(
            "E_CONFLICT",
            f"the draft is version {draft.version}, the last signed is {last.version if last else 0}",
            "start anew from the last signed one: `sereno roster new`",
        )
    _print_difference(place, text)
    if not yes and not typer.confirm(f"Sign version {draft.version} with the root?"):
        raise Refused("E_FORBIDDEN", "not signed", "the draft stays as it is")
    signatures = [signer_for(one, "root key").sign(text, sshsig.ROSTER_NAMESPACE) for one in key]
    verify_roster(place.read("root")[0], text, signatures, datetime.now(UTC), place.later())
    put(place.folder / "signed" / f"roster-{draft.version}.txt", text)
    place.write("roster", text, signatures)
    place.draft.unlink()
    say(f"version {draft.version} is signed; give it to the server: `sereno roster publish`")


@app.command()
def show(*, as_json: Json = False) -> None:
    """List the persons of the last signed roster."""
    place = workstation()
    text, signatures = place.read("roster")
    roster = verify_roster(place.read("root")[0], text, signatures, datetime.now(UTC), place.later())
    rows = [
        {
            "name": person.name,
            "display": person.display,
            "role": person.role,
            "purpose": key.purpose,
            "key": key.public_key.fingerprint,
        }
        for person in roster.persons
        for key in person.keys
    ]
    if not as_json:
        rules = ", ".join(f"{risk}: {rule}" for risk, rule in roster.thresholds.items())
        say(f"version {roster.version}, expires {roster.expires:%Y-%m-%d %H:%M} UTC; approvals {rules}")
    listing(rows, ("name", "display", "role", "purpose", "key"), as_json=as_json)


@app.command()
def publish(*, person: As = None) -> None:
    """Give the last signed roster to the server, which stores it and offers it to the devices."""
    text, signatures = workstation().read("roster")
    client_of(person).post("/api/v1/rosters", {"text": text.decode("ascii"), "signatures": signatures})
    say(f"version {read_roster(text).version} is published")


def _print_difference(place: Workstation, text: bytes) -> None:
    previous = place.read("roster")[0] if (place.folder / "roster.txt").exists() else b""
    lines = difflib.unified_diff(
        previous.decode().splitlines(), text.decode().splitlines(), "last signed", "to be signed", lineterm=""
    )
    out.print(plain("\n".join(lines)), markup=False)


def last_signed(place: Workstation) -> Roster | None:
    """The last roster that was signed here; every next one is edited from it."""
    return read_roster(place.read("roster")[0]) if (place.folder / "roster.txt").exists() else None


def _next(place: Workstation, days: int) -> Roster:
    root_text, _ = place.read("root")
    now = datetime.now(UTC).replace(microsecond=0)
    last = last_signed(place)
    return Roster(
        organisation_id=organisation_id(root_text),
        version=last.version + 1 if last else 1,
        issued=now,
        expires=now + timedelta(days=days),
        persons=last.persons if last else (),
        thresholds=dict(last.thresholds if last else DEFAULT_THRESHOLDS),
    )


def _draft(place: Workstation) -> Roster:
    if place.draft.exists():
        return read_roster(place.draft.read_bytes())
    if last_signed(place) is None:  # the first one: a roster has a person at least, so an empty draft cannot be written
        return _next(place, ROSTER_DAYS_MAX)
    raise BadInput("E_NOT_FOUND", "there is no draft", "start one: `sereno roster new`")


def _keep(place: Workstation, draft: Roster) -> None:
    put(place.draft, write_roster(draft))


def edit(change: Callable[[Roster], Roster]) -> None:
    """Changes the draft."""
    place = workstation()
    _keep(place, change(_draft(place)))
    say(f"changed {place.draft}")
