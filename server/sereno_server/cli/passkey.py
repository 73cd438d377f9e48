"""Passkeys on the workstation: the person signs the statement about a new one, the administrator puts it in the draft.

Neither takes anybody's word that a passkey is a person's: either the key that approves for this person now signed the
statement, or somebody compared the fingerprint with what the person's own screen shows.
"""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from sereno_proto import sshsig
from sereno_proto.errors import BadInput, Refused
from sereno_proto.limits import DOCUMENT_BYTES_MAX, KEYS_PER_PERSON_MAX, SIGNATURE_CHARS_MAX
from sereno_proto.passkey_statement import KIND, read_statement, verify_statement
from sereno_proto.passkeys import Passkey, parse_passkey
from sereno_proto.roster import Roster, RosterKey
from sereno_server.cli import settings as cli_settings
from sereno_server.cli.options import As
from sereno_server.cli.printing import out, plain, say
from sereno_server.cli.root import workstation
from sereno_server.cli.roster import edit, last_signed
from sereno_server.cli.signing import signer_for

app = typer.Typer(no_args_is_help=True)
File = Annotated[Path, typer.Argument(metavar="FILE", help="The statement that the approval page showed.")]


@app.command("statement")
def statement(
    file: File,
    *,
    key: Annotated[str | None, typer.Option("--key", metavar="KEY", help="Else the person's approve key.")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Sign without asking; the text is shown.")] = False,
    person: As = None,
) -> None:
    """Say with the key that approves for you now that a new passkey is yours too."""
    settings = cli_settings.load(cli_settings.find())
    text = _read(file)
    said = read_statement(text)
    who = settings.who(person or said.person)
    if who.name != said.person:
        raise Refused("E_PASSKEY_UNCONFIRMED", f"the statement is about {said.person}, and you are {who.name}")
    out.print(plain(text.decode("ascii")), markup=False, end="")
    say(f"fingerprint {said.passkey.fingerprint}; compare it with the one on the approval page")
    if not yes and not typer.confirm(f"Did {said.person} make this passkey, just now?"):
        raise Refused("E_PASSKEY_UNCONFIRMED", "not signed")
    signer = signer_for(key or who.approve, f"approving key of {who.name}")
    signature = file.with_name(f"{file.name}.sig")
    signature.write_text(signer.sign(text, sshsig.PASSKEY_NAMESPACE))
    say(
        f"{signature}: give both to whoever keeps the roster, who runs `sereno roster add-passkey {said.person} {file}`"
    )


def add_passkey(
    name: Annotated[str, typer.Argument(metavar="PERSON", help="The person's short name.")],
    file: File,
    *,
    fingerprint: Annotated[str, typer.Option(help="SHA256:… as the person's own screen shows it.")] = "",
    session: Annotated[bool, typer.Option("--session", help="For sessions instead of approvals.")] = False,
) -> None:
    """Put a passkey into the draft: its statement is signed (FILE.sig), or its fingerprint was compared."""
    roster = last_signed(workstation())
    passkey = confirmed(name, _read(file), _signature(file), fingerprint, roster, datetime.now(UTC))
    purpose = "session" if session else "approve"

    def change(draft: Roster) -> Roster:
        found = draft.person(name)
        if found is None:
            raise BadInput("E_NOT_FOUND", f"{name} is not in the draft", f"add the person: `sereno roster add {name}`")
        if len(found.keys) >= KEYS_PER_PERSON_MAX:
            raise BadInput("E_LIMIT", f"a person has at most {KEYS_PER_PERSON_MAX} keys")
        changed = replace(found, keys=(*found.keys, RosterKey(purpose, passkey)))
        return replace(draft, persons=tuple(changed if one is found else one for one in draft.persons))

    edit(change)
    say(f"{name}: {passkey.fingerprint}, works on {passkey.origin} only")


def confirmed(  # noqa: PLR0917  who, what, by which of two proofs, judged against what
    name: str, content: bytes, signature: str, fingerprint: str, roster: Roster | None, now: datetime
) -> Passkey:
    """The passkey of a statement or of a bare line; E_PASSKEY_UNCONFIRMED unless it is proven to be that person's."""
    is_statement = content.startswith(KIND.first_line.encode() + b"\n")
    passkey = read_statement(content).passkey if is_statement else parse_passkey(content.decode("ascii").strip())
    if fingerprint:
        if fingerprint.strip() != passkey.fingerprint:
            raise Refused("E_PASSKEY_UNCONFIRMED", f"its fingerprint is {passkey.fingerprint}, not {fingerprint[:60]}")
        if is_statement and read_statement(content).person != name:
            raise Refused("E_PASSKEY_UNCONFIRMED", f"the statement is about {read_statement(content).person}")
        return passkey
    if not is_statement or not signature:
        raise Refused("E_PASSKEY_UNCONFIRMED")
    if roster is None:
        raise Refused("E_PASSKEY_UNCONFIRMED", "there is no signed roster yet that names the person's key")
    found = verify_statement(content, signature, roster, now)
    if found.person != name:
        raise Refused("E_PASSKEY_UNCONFIRMED", f"the statement is about {found.person}, not {name}")
    return found.passkey


def _read(file: Path) -> bytes:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise BadInput("E_KEY_FILE", f"{file}: {error.strerror}", "give the file that holds the statement") from error
    if len(content) > DOCUMENT_BYTES_MAX or not content.isascii():
        raise BadInput("E_DOCUMENT", f"{file} is no statement")
    return content


def _signature(file: Path) -> str:
    path = file.with_name(f"{file.name}.sig")
    return path.read_text(encoding="ascii", errors="replace")[: SIGNATURE_CHARS_MAX + 1] if path.exists() else ""
