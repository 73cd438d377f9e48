"""Grants made in advance: for devices that are offline, or standing until a trigger holds."""

from datetime import timedelta
from typing import Annotated, Any
from urllib.parse import quote

import typer

from sereno_proto.documents import write_time
from sereno_proto.errors import BadInput, Refused
from sereno_proto.grants import BOUNDS, NAMESPACES, STANDING, Grant, next_higher, read_grant
from sereno_proto.limits import GRANT_DAYS_MAX
from sereno_proto.planned_step import read_require, require_text
from sereno_server.cli import settings as cli_settings
from sereno_server.cli.client import Client
from sereno_server.cli.known_devices import KnownDevices
from sereno_server.cli.maintenance import span
from sereno_server.cli.options import As, Json, client_of
from sereno_server.cli.plan_text import folded, require_newest_roster
from sereno_server.cli.printing import listing, out, say
from sereno_server.cli.signing import signer_for

app = typer.Typer(no_args_is_help=True)

Playbook = Annotated[str, typer.Argument(help="A playbook's name.")]
GrantId = Annotated[str, typer.Argument(metavar="GRANT", help="Its id, grt_…, as `sereno grants list` shows it.")]
Devices = Annotated[list[str], typer.Argument(metavar="DEVICE...", help="Names or ids.")]
Set = Annotated[list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A parameter of the playbook.")]
Limit = Annotated[
    list[str] | None,
    typer.Option("--limit", metavar="[ACTION.]NAME=NUMBER", help="How far an action may go; `targets-max` for each."),
]
For = Annotated[str, typer.Option("--for", metavar="TIME", help="How long it is valid: 8h, 2d; at most 7d.")]
Ticket = Annotated[str | None, typer.Option("--ticket", metavar="tkt_…", help="The ticket that it belongs to.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Sign without asking; the text is shown all the same.")]
Key = Annotated[
    str | None, typer.Option("--key", metavar="KEY", help="Key file, .pub of a key in ssh-agent, or agent.")
]


@app.command("queue")
def queue(
    playbook: Playbook,
    devices: Devices,
    *,
    given: Set = None,
    limit: Limit = None,
    lasting: For = "2d",
    ticket: Ticket = None,
    yes: Yes = False,
    key: Key = None,
    person: As = None,
) -> None:
    """Ask for a run on devices that are offline: it happens once on each that comes back in time."""
    body = {"kind": BOUNDS, "playbook": playbook, "devices": devices, "ticket": ticket}
    _ask(body | _common(given, limit, lasting), yes=yes, key=key, person=person)


@app.command("standing")
def standing(
    playbook: Playbook,
    devices: Devices,
    *,
    when: Annotated[
        list[str], typer.Option("--when", metavar="TRIGGER", help="disk_space(folder=app-logs).free_percent < 10")
    ],
    uses: Annotated[int, typer.Option(help="How often on each device.")] = 1,
    pause: Annotated[str, typer.Option(metavar="TIME", help="Between two uses on a device.")] = "1h",
    given: Set = None,
    limit: Limit = None,
    lasting: For = "7d",
    ticket: Ticket = None,
    yes: Yes = False,
    key: Key = None,
    person: As = None,
) -> None:
    """Let devices help themselves: a run whenever the trigger, which the device measures, holds."""
    body: dict[str, Any] = {"kind": STANDING, "playbook": playbook, "devices": devices, "ticket": ticket}
    body |= {"uses": uses, "pause_s": round(span(pause).total_seconds()), "triggers": when}
    _ask(body | _common(given, limit, lasting), yes=yes, key=key, person=person)


@app.command("approve")
def approve(
    grant_id: GrantId,
    *,
    yes: Yes = False,
    key: Key = None,
    person: As = None,
) -> None:
    """Read a grant and sign it as an approver."""
    settings = cli_settings.load(cli_settings.find())
    client = Client(settings, settings.who(person, approver=True))
    say(f"{grant_id}: {_sign(settings, client, grant_id, 'approve', key=key, yes=yes)}")


@app.command("deny")
def deny(
    grant_id: GrantId,
    reason: Annotated[str, typer.Argument(help="Why, for whoever asked.")] = "",
    *,
    person: As = None,
) -> None:
    """Say no to a grant that waits for signatures."""
    settings = cli_settings.load(cli_settings.find())
    Client(settings, settings.who(person, approver=True)).post(
        f"/api/v1/grants/{quote(grant_id)}/deny", {"reason": reason}
    )
    say(f"{grant_id}: denied")


@app.command("revoke")
def revoke(
    grant_id: GrantId,
    reason: Annotated[str, typer.Argument(help="Why, for whoever asked.")] = "",
    *,
    person: As = None,
) -> None:
    """Take back an active grant. A device that cannot be reached may still use it until it is told, or it ends."""
    client_of(person).post(f"/api/v1/grants/{quote(grant_id)}/revoke", {"reason": reason})
    say(f"{grant_id}: revoked")


@app.command("list")
def list_grants(*, as_json: Json = False, person: As = None) -> None:
    """List grants, the newest first."""
    rows = client_of(person).pages("/api/v1/grants")
    if not as_json:
        rows = [row | {"devices": _places(row["places"])} for row in rows]
    listing(rows, ("id", "kind", "state", "playbook", "requester", "expires", "devices"), as_json=as_json)


@app.command("show")
def show(
    grant_id: GrantId,
    *,
    person: As = None,
) -> None:
    """Print the text of a grant, who signed it, and what became of it on each device."""
    view = client_of(person).get(f"/api/v1/grants/{quote(grant_id)}")
    _print(view["text"].encode("ascii"), read_grant(view["text"].encode("ascii")))
    for one in view["signatures"]:
        say(f"{one['at']}  {one['person']} signed the {one['purpose']}")
    for one in view["places"]:
        why = f": {one['code']} {one['what']}" if one["code"] else ""
        say(f"{one['device_name']}: {one['state']}, used {one['uses']} times{why}")


def _common(given: list[str] | None, limit: list[str] | None, lasting: str) -> dict[str, Any]:
    return {
        "parameters": _pairs(given or [], "--set"),
        "limits": {name: _number(name, value) for name, value in _pairs(limit or [], "--limit").items()},
        "hours": _lasting(lasting).total_seconds() / 3600,
    }


def _lasting(text: str) -> timedelta:
    found = span(text)
    if found > timedelta(days=GRANT_DAYS_MAX):
        raise BadInput("E_BAD_REQUEST", f"a grant is valid for {GRANT_DAYS_MAX} days at most", "ask for less")
    return found


def _ask(body: dict[str, Any], *, yes: bool, key: str | None, person: str | None) -> None:
    settings = cli_settings.load(cli_settings.find())
    client = Client(settings, settings.who(person))
    grant_id = client.post("/api/v1/grants", body)["grant_id"]
    state = _sign(settings, client, grant_id, "request", key=key, yes=yes, asked=body)
    say(f"{grant_id}: {state}; others approve: sereno grants approve {grant_id}")


def _sign(
    settings: cli_settings.Settings,
    client: Client,
    grant_id: str,
    purpose: str,
    *,
    key: str | None,
    yes: bool,
    asked: dict[str, Any] | None = None,
) -> str:
    text = client.text(f"/api/v1/grants/{quote(grant_id)}/text")
    grant = read_grant(text)
    if grant.id != grant_id:
        raise Refused("E_PLAN_CHANGED", f"the text belongs to {grant.id}, not to {grant_id}")
    known = KnownDevices(settings.path.parent / "known_devices.json")
    for device in grant.devices:
        if known.meet(device.name, device.id):
            say(f"first time this workstation meets {device.name}: {device.id}")
    if asked is not None:
        _check_asked(grant, client.person.name, asked)
    require_newest_roster(grant.roster_version_min, settings.roster)
    _print(text, grant)
    if not yes and not typer.confirm(f"Sign this text as {client.person.name} ({purpose})?"):
        raise Refused("E_FORBIDDEN", "not signed", "deny it for everybody with `sereno grants deny`")
    signer = signer_for(key or client.person.approve, f"approving key of {client.person.name}")
    body = {"purpose": purpose, "signature": signer.sign(text, NAMESPACES[grant.kind][purpose])}
    return str(client.post(f"/api/v1/grants/{quote(grant_id)}/signatures", body)["state"])


def _check_asked(grant: Grant, person: str, asked: dict[str, Any]) -> None:
    """What we asked for is what the text says: the server may not put other words into our mouth."""
    if grant.requester != person:
        raise Refused("E_REQUESTER_OTHER", f"the text says that {grant.requester} asks, not {person}")
    names = {name for device in grant.devices for name in (device.id, device.name)}
    same = (grant.kind, grant.playbook) == (asked["kind"], asked["playbook"])
    if not same or len(grant.devices) > len(asked["devices"]) or not names.issuperset(asked["devices"]):
        raise Refused("E_PLAN_CHANGED", "the text is for other devices, or for something else than was asked")
    if grant.uses > asked.get("uses", 1) or grant.pause_s < asked.get("pause_s", 0):
        raise Refused("E_PLAN_CHANGED", f"the text allows {grant.uses} uses, {grant.pause_s} s apart")
    if grant.expires - grant.not_before > timedelta(hours=asked["hours"], seconds=1):
        raise Refused("E_PLAN_CHANGED", f"the text is valid until {write_time(grant.expires)}")
    triggers = [require_text(read_require(one)) for one in asked.get("triggers", [])]
    if [require_text(one) for one in grant.triggers] != triggers:
        raise Refused("E_PLAN_CHANGED", "the text has other triggers than were asked for")
    _check_limits(grant, asked["limits"])


def _check_limits(grant: Grant, limits: dict[str, int]) -> None:
    """Where a limit was asked for, none of its name allows more; `action.limit` counts before `limit`."""
    for step in grant.steps:
        for name, allowed in step.bounds.items():
            wanted = limits.get(f"{step.action}.{name}", limits.get(name, allowed))
            if allowed > wanted:
                raise Refused("E_PLAN_CHANGED", f"the text allows {step.action} {name} {allowed}, not {wanted}")


def _print(text: bytes, grant: Grant) -> None:
    out.rule("this text is what you sign; nobody has seen on a device what it will do")
    out.file.write(
        "".join(folded(line, out.width if out.is_terminal else 0) for line in text.decode("ascii").splitlines())
    )
    out.rule(f"end of the text; {grant.risk} risk, signed like {next_higher(grant.risk) or 'nothing else'}")


def _pairs(given: list[str], option: str) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for pair in given:
        name, equals, value = pair.partition("=")
        if not equals or name in pairs:
            raise BadInput("E_PARAMETER", f"{option} {pair}: NAME=VALUE is wanted, each name once")
        pairs[name] = value
    return pairs


def _number(name: str, value: str) -> int:
    if not value.isdigit():
        raise BadInput("E_PARAMETER", f"--limit {name}={value}: a whole number is wanted")
    return int(value)


def _places(places: list[dict[str, Any]]) -> str:
    return ", ".join(f"{one['device_name']} {one['state']}" for one in places)
