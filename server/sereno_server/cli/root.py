"""The root document: made and signed on a workstation, never on the server."""

from pathlib import Path
from typing import Annotated

import typer

from sereno_proto import sshsig
from sereno_proto.errors import BadInput
from sereno_proto.ids import organisation_id
from sereno_proto.root import Root, verify_root, write_root
from sereno_server.cli import settings as cli_settings
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
def show() -> None:
    """Print the root document and the organisation's id, which is its digest."""
    _print(workstation())


def _print(place: Workstation) -> None:
    text, signatures = place.read("root")
    verify_root(text, signatures)
    out.print(plain(text.decode()), markup=False, end="")
    say(f"organisation {organisation_id(text)}, in {Path(place.folder)}")
