"""Runs: a technician asks for one and signs, an approver signs or says no. Both read the device's own text first."""

import time
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from sereno_proto.errors import BadInput, Refused, SerenoError
from sereno_server.cli import settings as cli_settings
from sereno_server.cli.client import Client
from sereno_server.cli.maintenance import span
from sereno_server.cli.options import As, Json
from sereno_server.cli.plan_signing import put, read
from sereno_server.cli.printing import listing, out, plain, say
from sereno_server.cli.rollouts import begin, sizes

PLAN_WAIT_S = 60.0
WATCH_S = 3600.0
POLL_S = 0.5
ENDED = frozenset({"succeeded", "failed", "refused", "denied", "expired", "superseded"})

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Sign without asking; the text is shown all the same.")]
Key = Annotated[
    str | None, typer.Option("--key", metavar="KEY", help="Key file, .pub of a key in ssh-agent, or agent.")
]
Wait = Annotated[bool, typer.Option("--wait", help="Wait until the run has ended.")]


def run(
    target: Annotated[str, typer.Argument(metavar="TICKET|DEVICE", help="T-1, or a device's name or id.")] = "",
    playbook: Annotated[str, typer.Argument(help="Left out: the one that the ticket proposes.")] = "",
    *,
    group: Annotated[
        str, typer.Option(metavar="SITE", help="On every device of a site: run --group SITE PLAYBOOK.")
    ] = "",
    query: Annotated[str, typer.Option(help="On what the fleet search finds, as in 'openssl < 3.0.15'.")] = "",
    rings: Annotated[
        str, typer.Option(help="With --group and --query: sizes of the first rings; all others follow.")
    ] = "1",
    failures: Annotated[int, typer.Option(help="So many may fail before a rollout stops.")] = 0,
    pause: Annotated[str, typer.Option(metavar="TIME", help="Devices are watched so long between rings.")] = "1m",
    given: Annotated[list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A parameter.")] = None,
    yes: Yes = False,
    key: Key = None,
    wait: Wait = False,
    watch_it: Annotated[bool, typer.Option("--watch", help="Show each step as the device tells it.")] = False,
    person: As = None,
) -> None:
    """Ask for a run: the device makes its plan, you read it and sign as the requester."""
    settings = cli_settings.load(cli_settings.find())
    client = Client(settings, settings.who(person))
    if group or query:
        body: dict[str, Any] = {
            "playbook": playbook or target,
            "parameters": _parameters(given or []),
            "group": group,
            "query": query,
        }
        body |= {"rings": sizes(rings), "failures_max": failures, "pause_s": round(span(pause).total_seconds())}
        begin(settings, client, body, key=key, yes=yes, watch_it=watch_it or wait)
        return
    if not target:
        raise BadInput("E_PARAMETER", "a run is for a ticket, a device, --group or --query")
    run_id = _request(client, target, playbook, _parameters(given or []))
    say(f"{run_id}: waiting for the device's plan")
    view = _planned(client, run_id)
    device = "" if _is_ticket(target) else target
    _sign(settings, client, view, "request", key=key, yes=yes, playbook=playbook, device=device)
    say(f"{run_id}: requested by {client.person.name}; someone else approves: sereno approve {run_id}")
    if watch_it:
        _watch(client, run_id)
    elif wait:
        _end(client, run_id)


def approve(
    run_id: Annotated[str, typer.Argument(metavar="[RUN]", help="Left out: the only run that waits.")] = "",
    *,
    yes: Yes = False,
    key: Key = None,
    signature: Annotated[
        Path | None, typer.Option(metavar="FILE", help="One that was made on the approval page.")
    ] = None,
    wait: Wait = False,
    person: As = None,
) -> None:
    """Read the plan of a run and sign it as its approver."""
    settings = cli_settings.load(cli_settings.find())
    client = Client(settings, settings.who(person, approver=True))
    view = _view(client, run_id or _only_waiting(client))
    if signature is not None:
        body = {"purpose": "approve", "signature": _signature_in(signature)}
        client.post(f"/api/v1/runs/{quote(view['id'])}/signatures", body)
    else:
        _sign(settings, client, view, "approve", key=key, yes=yes)
    say(f"{view['id']}: approved by {client.person.name}")
    if wait:
        _end(client, view["id"])


def deny(
    run_id: Annotated[str, typer.Argument(metavar="RUN")],
    reason: Annotated[str, typer.Argument(help="Shown on the ticket.")] = "",
    *,
    person: As = None,
) -> None:
    """Say no to a run; nothing is signed."""
    settings = cli_settings.load(cli_settings.find())
    client = Client(settings, settings.who(person, approver=True))
    client.post(f"/api/v1/runs/{quote(run_id)}/deny", {"reason": reason})
    say(f"{run_id}: denied by {client.person.name}")


def cancel(
    run_id: Annotated[str, typer.Argument(metavar="RUN")],
    reason: Annotated[str, typer.Argument(help="Shown on the ticket.")] = "",
    *,
    person: As = None,
) -> None:
    """End a run that goes on, before its next step; the device undoes what was done where it can."""
    settings = cli_settings.load(cli_settings.find())
    client = Client(settings, settings.who(person))
    state = client.post(f"/api/v1/runs/{quote(run_id)}/cancel", {"reason": reason})["state"]
    say(f"{run_id}: {'its device was told to cancel it' if state == 'executing' else state}")


def undo(
    run_id: Annotated[str, typer.Argument(metavar="RUN")], *, yes: Yes = False, key: Key = None, person: As = None
) -> None:
    """Ask for a new plan that undoes a run, read it and sign it; others approve it like any other."""
    settings = cli_settings.load(cli_settings.find())
    client = Client(settings, settings.who(person))
    made = str(client.post(f"/api/v1/runs/{quote(run_id)}/undo", {})["run_id"])
    say(f"{made}: waiting for the device's plan")
    _sign(settings, client, _planned(client, made), "request", key=key, yes=yes)
    say(f"{made}: requested by {client.person.name}; someone else approves: sereno approve {made}")


def watch(run_id: Annotated[str, typer.Argument(metavar="RUN")], *, person: As = None) -> None:
    """Show what a device tells of a run, as it comes, until the run has ended."""
    settings = cli_settings.load(cli_settings.find())
    _watch(Client(settings, settings.who(person)), run_id)


def runs(*, as_json: Json = False, person: As = None) -> None:
    """List the runs, the newest first."""
    settings = cli_settings.load(cli_settings.find())
    rows = Client(settings, settings.who(person)).pages("/api/v1/runs")
    listing(rows, ("id", "state", "playbook", "requester", "created_at", "device_id"), as_json=as_json)


def _request(client: Client, target: str, playbook: str, parameters: dict[str, str]) -> str:
    body: dict[str, Any] = {"playbook": playbook, "parameters": parameters}
    if _is_ticket(target):
        return str(client.post(f"/api/v1/tickets/{quote(target)}/runs", body)["run_id"])
    if not playbook:
        raise BadInput("E_PARAMETER", "a run on a device names its playbook", "see `sereno playbooks list`")
    return str(client.post(f"/api/v1/devices/{quote(target)}/runs", body)["run_id"])


def _is_ticket(target: str) -> bool:
    return target.upper().startswith("T-") or target.startswith("tkt_")


def _parameters(given: list[str]) -> dict[str, str]:
    parameters: dict[str, str] = {}
    for pair in given:
        name, equals, value = pair.partition("=")
        if not equals or name in parameters:
            raise BadInput("E_PARAMETER", f"--set {pair}: NAME=VALUE is wanted, each name once")
        parameters[name] = value
    return parameters


def _planned(client: Client, run_id: str) -> dict[str, Any]:
    """The run once its device has planned it. A device that is away is queued for with a grant instead."""
    try:
        return _until(client, run_id, lambda state: state == "planned" or state in ENDED, PLAN_WAIT_S)
    except SerenoError as error:
        view = client.get(f"/api/v1/runs/{quote(run_id)}")
        name, playbook = view["device"]["name"], view["playbook"]
        remedy = f"while {name} is away, queue it for signatures in advance: sereno grants queue {playbook} {name}"
        raise SerenoError(error.code, error.what, remedy) from error


def _until(client: Client, run_id: str, reached: Any, within_s: float) -> dict[str, Any]:
    deadline = time.monotonic() + within_s
    while True:
        view = _view(client, run_id)
        if reached(view["state"]):
            return view
        if time.monotonic() > deadline:
            raise SerenoError("E_TIMEOUT", f"{run_id} is still {view['state']} after {within_s:.0f} s")
        time.sleep(POLL_S)


def _sign(
    settings: cli_settings.Settings,
    client: Client,
    view: dict[str, Any],
    purpose: str,
    *,
    key: str | None,
    yes: bool,
    playbook: str = "",
    device: str = "",
) -> None:
    text = read(settings, client, view, purpose, playbook=playbook, device=device)
    if not yes and not typer.confirm(f"Sign this text as {client.person.name} ({purpose})?"):
        raise Refused("E_FORBIDDEN", "not signed", "deny it for everybody with `sereno deny`")
    put(client, view["id"], text, purpose, key)


def _signature_in(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except (OSError, ValueError) as error:
        raise BadInput("E_SIGNATURE_FORMAT", f"{path}: {error}", "copy the whole signature into a file") from error


def _view(client: Client, run_id: str) -> dict[str, Any]:
    """The run of that very id: what a server answers with must not be another one."""
    view: dict[str, Any] = client.get(f"/api/v1/runs/{quote(run_id)}")
    if view["id"] != run_id:
        raise Refused("E_PLAN_CHANGED", f"the server answered with {view['id']}, asked for was {run_id}")
    return view


def _only_waiting(client: Client) -> str:
    rows = client.pages("/api/v1/runs", state="planned")
    if len(rows) != 1:
        names = ", ".join(row["id"] for row in rows) or "none"
        raise BadInput("E_PARAMETER", f"{len(rows)} runs wait ({names})", "name the one: `sereno approve RUN`")
    return str(rows[0]["id"])


def _watch(client: Client, run_id: str) -> None:
    """Prints each event once; raises what the run ended with unless it succeeded."""
    told = 0

    def reached(view: dict[str, Any]) -> bool:
        nonlocal told
        for event in view["events"][told:]:
            step = f"step {event['step']} " if event["step"] else ""
            what = f"{event['at']}  {step}{event['state'].removeprefix('step_')}: {event['what']} {event['code']}"
            out.print(plain(what.rstrip()), markup=False)
        told = len(view["events"])
        return view["state"] in ENDED

    deadline = time.monotonic() + WATCH_S
    while not reached(client.get(f"/api/v1/runs/{quote(run_id)}")):
        if time.monotonic() > deadline:
            raise SerenoError("E_TIMEOUT", f"{run_id} has not ended after {WATCH_S / 60:.0f} minutes")
        time.sleep(POLL_S)
    _end(client, run_id)


def _end(client: Client, run_id: str) -> None:
    view = _until(client, run_id, lambda state: state in ENDED, 600)
    out.print(plain(f"{run_id}: {view['state']} {view.get('what') or ''}".rstrip()), markup=False)
    if view["state"] != "succeeded":
        raise Refused(view.get("code") or "E_CONFLICT", view.get("what") or f"{run_id} is {view['state']}")


COMMANDS = (run, approve, deny, cancel, undo, watch, runs)
