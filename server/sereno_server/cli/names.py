"""Names of devices: a registrar signs which machine is called so, and everybody else checks it here."""

from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import quote

import typer

from sereno_proto import sshsig
from sereno_proto.device_name import DeviceName, verify_device_name, write_device_name
from sereno_proto.errors import BadInput, Refused, SerenoError
from sereno_proto.ids import organisation_id
from sereno_proto.roster import Roster, verify_roster
from sereno_server.cli import settings as cli_settings
from sereno_server.cli.client import Client
from sereno_server.cli.options import As
from sereno_server.cli.printing import out, plain, say
from sereno_server.cli.settings import Settings
from sereno_server.cli.signing import signer_for
from sereno_server.cli.workstation import Workstation


def name(
    device: Annotated[str, typer.Argument(help="Its name, or its id.")],
    *,
    key: Annotated[
        str | None, typer.Option("--key", help="The registrar's key: file, .pub of a key in ssh-agent.")
    ] = None,
    device_id: Annotated[
        str, typer.Option("--id", help="What the machine itself printed when it joined; then nothing is asked.")
    ] = "",
    person: As = None,
) -> None:
    """Sign as a registrar which machine is called so, after comparing its id with what the machine says."""
    settings = cli_settings.load(cli_settings.find())
    who = settings.who(person)
    client = Client(settings, who)
    found = client.get(f"/api/v1/devices/{quote(device)}")["device"]
    if device_id and device_id != found["id"]:
        raise Refused("E_DEVICE_CHANGED", f"the server says {found['id']}, the machine {device_id}")
    root, _ = Workstation(settings.roster).read("root")
    statement = DeviceName(organisation_id(root), found["id"], found["name"], datetime.now(UTC))
    text = write_device_name(statement)
    out.print(plain(text.decode()), markup=False, end="")
    question = f"Is {found['id']} what `sereno-agent status` prints on that machine?"
    if not device_id and not typer.confirm(question):
        raise Refused("E_FORBIDDEN", "not signed", "compare the id on the machine first")
    signer = signer_for(key or who.registrar, f"registrar's key of {who.name}")
    body = {"text": text.decode(), "signature": signer.sign(text, sshsig.NAME_NAMESPACE)}
    client.post("/api/v1/device-names", body)
    say(f"{statement.name} is {statement.device_id}, signed by {who.name}")


def say_name(settings: Settings, client: Client, device_id: str, device_name: str) -> None:
    """Says whether a registrar signed that this device is called so, by this workstation's own root and roster."""
    try:
        registrar = registrar_of(settings, client, device_id, device_name)
    except SerenoError as error:
        say(f"the name {device_name} is not verified: {error.what}")
    else:
        say(f"the name {device_name} is verified: {registrar} signed it")


def registrar_of(settings: Settings, client: Client, device_id: str, device_name: str) -> str:
    """The registrar who signed the device's name; raises E_NOT_FOUND, E_DEVICE_CHANGED, E_ROSTER_… or E_SIGNATURE_…."""
    signed: dict[str, Any] = client.get(f"/api/v1/devices/{quote(device_id)}/name")
    roster = _own_roster(settings)
    statement, person = verify_device_name(
        signed["text"].encode("ascii", "replace"), signed["signature"], roster, datetime.now(UTC)
    )
    if (statement.device_id, statement.name) != (device_id, device_name):
        raise Refused("E_DEVICE_CHANGED", f"the registrar's statement is about {statement.name}, {statement.device_id}")
    return person.name


def _own_roster(settings: Settings) -> Roster:
    """The roster as this workstation holds it, signed by the root that it holds: nothing of the server's."""
    place = Workstation(settings.roster)
    try:
        root, _ = place.read("root")
        text, signatures = place.read("roster")
    except BadInput as error:
        raise BadInput("E_NOT_FOUND", "this workstation holds no root and roster to check it by") from error
    return verify_roster(root, text, signatures, datetime.now(UTC), place.later())


COMMANDS = (name,)
