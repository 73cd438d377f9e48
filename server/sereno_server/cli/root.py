"""The root document: made and signed on a workstation, never on the server."""

from pathlib import Path
from typing import Annotated

import typer

from sereno_proto import sshsig
from sereno_proto.errors import BadInput, Refused
from sereno_proto.ids import organisation_id, sha256
from sereno_proto.root import Root, verify_root, write_root
from sereno_proto.root_chain import NextRoot, SignedRoot, follow, newest_text, write_next_root
from sereno_server.cli import settings as cli_settings
from sereno_server.cli.options import As, client_of
from sereno_server.cli.printing import out, plain, say
from sereno_server.cli.signing import signer_for
from sereno_server.cli.workstation import Workstation

app = typer.Typer(no_args_is_help=True)


def workstation() -> Workstation:
    """The folder that the CLI's settings name."""
    return Workstation(cli_settings.load(cli_settings.find()).roster)


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="The organisation's name.")],
    key: Annotated[list[str], typer.Option("--key", help="A root key: file, .pub of a key in ssh-agent, or agent.")],
    *,
    threshold: Annotated[int, typer.Option(min=1, help="How many of the root keys sign a roster.")] = 1,
) -> None:
    """Make the root document from one or more keys and sign it with each of them."""
    place = workstation()
    if (place.folder / "root.txt").exists():
        raise BadInput(
            "E_CONFLICT", f"{place.folder} holds a root already", "use it, or choose another `roster` folder"
        )
    signers = [signer_for(one, "root key") for one in key]
    text = write_root(Root(name=name, threshold=threshold, keys=tuple(signer.public_key for signer in signers)))
    place.write("root", text, [signer.sign(text, sshsig.ROOT_NAMESPACE) for signer in signers])
    _print(place)


@app.command()
def rotate(
    key: Annotated[list[str], typer.Option("--key", help="A key of the next root: file, .pub or agent.")],
    old: Annotated[list[str], typer.Option("--old", help="A key of the root until now, as many as its threshold.")],
    *,
    name: Annotated[str, typer.Option(help="The organisation's name, where it changes.")] = "",
    threshold: Annotated[int, typer.Option(min=1, help="How many of the next root's keys sign a roster.")] = 1,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Sign without asking; the text is shown.")] = False,
) -> None:
    """Make the root that follows, signed by the old keys and by its own. The organisation's id stays as it is."""
    place = workstation()
    first, _ = place.read("root")
    later = place.later()
    before = follow(first, later)
    signers = [signer_for(one, "root key") for one in key]
    number = len(later) + 2
    following = NextRoot(
        organisation_id=organisation_id(first),
        number=number,
        previous=sha256(newest_text(first, later)),
        root=Root(name or before.name, threshold, tuple(signer.public_key for signer in signers)),
    )
    text = write_next_root(following)
    out.print(plain(text.decode()), markup=False, end="")
    if not yes and not typer.confirm(f"Sign root {number}? From then on it signs the rosters."):
        raise Refused("E_FORBIDDEN", "not signed", "the root stays as it is")
    everybody = {signer.public_key: signer for signer in (*(signer_for(one, "root key") for one in old), *signers)}
    signatures = [signer.sign(text, sshsig.NEXT_ROOT_NAMESPACE) for signer in everybody.values()]
    follow(first, (*later, SignedRoot(text, tuple(signatures))))
    place.write(f"root-{number}", text, signatures)
    say(f"root {number} is signed; now: `sereno root publish`, `sereno roster new`, `sign` with its keys, `publish`")


@app.command()
def publish(*, person: As = None) -> None:
    """Give the server the roots that came after the first. Devices take them with the next roster."""
    later = workstation().later()
    for one in later:
        body = {"text": one.text.decode("ascii"), "signatures": list(one.signatures)}
        client_of(person).post("/api/v1/roots", body)
    say(f"{len(later)} later roots are published" if later else "the first root is the only one")


@app.command()
def show() -> None:
    """Print the root documents and the organisation's id, which is the digest of the first."""
    _print(workstation())


def _print(place: Workstation) -> None:
    text, signatures = place.read("root")
    verify_root(text, signatures)
    out.print(plain(text.decode()), markup=False, end="")
    later = place.later()
    follow(text, later)
    for one in later:
        out.print(plain(one.text.decode()), markup=False, end="")
    say(f"organisation {organisation_id(text)}, in {Path(place.folder)}")
    say(f"join codes name the newest root: {sha256(newest_text(text, later))}")
