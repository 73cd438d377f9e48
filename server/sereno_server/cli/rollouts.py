"""Rollouts: one playbook on many devices; each plan is read and signed, one summary says where they differ."""

import time
from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Any, Final
from urllib.parse import quote

import typer

from sereno_proto.errors import BadInput, Refused, SerenoError
from sereno_proto.plan import read_plan
from sereno_server.cli import settings as cli_settings
from sereno_server.cli.client import Client
from sereno_server.cli.options import As, Json, client_of
from sereno_server.cli.plan_signing import put, read
from sereno_server.cli.printing import listing, out, plain, say

app = typer.Typer(no_args_is_help=True)

PLAN_WAIT_S: Final = 120.0
WATCH_S: Final = 7200.0
POLL_S: Final = 1.0
LINES_SHOWN: Final = 12
_OWN: Final = ("plan: ", "nonce: ", "device: ", "device-name: ", "run: ", "issued: ", "expires: ")

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Sign without asking; the texts are shown all the same.")]
Key = Annotated[
    str | None, typer.Option("--key", metavar="KEY", help="Key file, .pub of a key in ssh-agent, or agent.")
]


def begin(
    settings: cli_settings.Settings,
    client: Client,
    body: Mapping[str, Any],
    *,
    key: str | None,
    yes: bool,
    watch_it: bool,
) -> None:
    """Asks for a rollout, signs every plan as the requester, and watches it where that is asked."""
    begun = client.post("/api/v1/rollouts", dict(body))
    rollout_id = str(begun["rollout_id"])
    say(f"{rollout_id}: waiting for the plans of {begun['runs']} devices")
    if begun["offline"]:
        queue = f"sereno grants queue {body['playbook']} {' '.join(begun['offline'])}"
        say(f"{len(begun['offline'])} devices are away and get no plan; queue it for them: {queue}")
    _until(client, rollout_id, lambda view: all(one["state"] != "planning" for one in view["runs"]), PLAN_WAIT_S)
    signed = _sign_all(settings, client, rollout_id, "request", key=key, yes=yes, playbook=str(body["playbook"]))
    say(f"{rollout_id}: {signed} plans requested; someone else approves: sereno rollouts approve {rollout_id}")
    if watch_it:
        _watch(client, rollout_id)


def sizes(text: str) -> list[int]:
    """`1,5` -> [1, 5]."""
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdigit() and int(part) for part in parts):
        raise BadInput("E_PARAMETER", f"--rings {text}: sizes of rings are wanted, as in 1,5")
    return [int(part) for part in parts]


@app.command("approve")
def approve(
    rollout_id: Annotated[str, typer.Argument(metavar="ROLLOUT")],
    *,
    yes: Yes = False,
    key: Key = None,
    person: As = None,
) -> None:
    """Read every plan of a rollout that waits, and sign them as an approver."""
    settings = cli_settings.load(cli_settings.find())
    client = Client(settings, settings.who(person, approver=True))
    say(f"{rollout_id}: {_sign_all(settings, client, rollout_id, 'approve', key=key, yes=yes)} plans approved")


@app.command("cancel")
def cancel(
    rollout_id: Annotated[str, typer.Argument(metavar="ROLLOUT")],
    reason: Annotated[str, typer.Argument()] = "",
    *,
    person: As = None,
) -> None:
    """End a rollout: what waits never happens, what goes on ends before its next step."""
    client_of(person).post(f"/api/v1/rollouts/{quote(rollout_id)}/cancel", {"reason": reason})
    say(f"{rollout_id}: cancelled")


@app.command("list")
def list_rollouts(*, as_json: Json = False, person: As = None) -> None:
    """List rollouts, the newest first."""
    rows = client_of(person).pages("/api/v1/rollouts")
    if not as_json:
        rows = [row | {"ring": f"{row['ring'] + 1} of {row['rings']}", "runs": _counted(row)} for row in rows]
    listing(rows, ("id", "state", "playbook", "target", "ring", "runs", "requester"), as_json=as_json)


@app.command("watch")
def watch(rollout_id: Annotated[str, typer.Argument(metavar="ROLLOUT")], *, person: As = None) -> None:
    """Show each run's end as it comes, until the rollout has ended."""
    _watch(client_of(person), rollout_id)


def _sign_all(
    settings: cli_settings.Settings,
    client: Client,
    rollout_id: str,
    purpose: str,
    *,
    key: str | None,
    yes: bool,
    playbook: str = "",
) -> int:
    """Shows every text, says where they differ, and signs all or none; gives how many."""
    view = client.get(f"/api/v1/rollouts/{quote(rollout_id)}")
    texts: dict[str, bytes] = {}
    for one in view["runs"]:
        if one["state"] == "planned":
            run = client.get(f"/api/v1/runs/{quote(one['id'])}")
            if run["id"] != one["id"]:
                raise Refused("E_PLAN_CHANGED", f"the server answered with {run['id']}, asked for was {one['id']}")
            texts[one["id"]] = read(settings, client, run, purpose, playbook=playbook, device=one["device_id"])
        else:
            why = f"{one['state']} {one['code'] or ''} {one['what'] or ''}".rstrip()
            say(f"{one['device_name']}: no plan to sign, {why}")
    if not texts:
        raise Refused("E_CONFLICT", f"no plan of {rollout_id} waits")
    out.rule(f"{len(texts)} plans")
    for line in differences(list(texts.values())):
        out.print(plain(line), markup=False)
    if not yes and not typer.confirm(f"Sign these {len(texts)} texts as {client.person.name} ({purpose})?"):
        raise Refused("E_FORBIDDEN", "not signed", f"sereno rollouts cancel {rollout_id}")
    for run_id, text in texts.items():
        put(client, run_id, text, purpose, key)
    return len(texts)


def differences(texts: list[bytes]) -> list[str]:
    """Where plans differ beyond their names and times, told beside what most of them say."""
    plans = {read_plan(text).device_name: _said(text) for text in texts}
    usual, count = Counter(plans.values()).most_common(1)[0]
    if count == len(texts):
        return [f"all {count} say the same but for device, run and times"]
    told = [f"{count} of {len(texts)} say the same but for device, run and times"]
    for name, said in plans.items():
        if said != usual:
            missing = [f"    - {line}" for line in usual if line not in said]
            added = [f"    + {line}" for line in said if line not in usual]
            told += [f"{name} differs:", *missing[:LINES_SHOWN], *added[:LINES_SHOWN]]
            left = len(missing[LINES_SHOWN:]) + len(added[LINES_SHOWN:])
            told += [f"    and {left} more lines; read its text"] if left else []
    return told


def _said(text: bytes) -> tuple[str, ...]:
    return tuple(line for line in text.decode("ascii").splitlines() if not line.startswith(_OWN))


def _until(client: Client, rollout_id: str, reached: Any, within_s: float) -> dict[str, Any]:
    deadline = time.monotonic() + within_s
    while True:
        view: dict[str, Any] = client.get(f"/api/v1/rollouts/{quote(rollout_id)}")
        if reached(view):
            return view
        if time.monotonic() > deadline:
            raise SerenoError("E_TIMEOUT", f"{rollout_id} is still {view['state']} after {within_s:.0f} s")
        time.sleep(POLL_S)


def _watch(client: Client, rollout_id: str) -> None:
    told: dict[str, str] = {}

    def reached(view: dict[str, Any]) -> bool:
        for one in view["runs"]:
            if told.get(one["id"]) != one["state"]:
                told[one["id"]] = one["state"]
                what = f"ring {one['ring'] + 1}  {one['device_name']}: {one['state']} {one['what'] or ''}"
                out.print(plain(what.rstrip()), markup=False)
        return bool(view["state"] != "running")

    view = _until(client, rollout_id, reached, WATCH_S)
    say(f"{rollout_id}: {view['state']}, {view['what']}")
    if view["state"] != "done":
        raise Refused("E_CONFLICT", f"the rollout is {view['state']}: {view['what']}")


def _counted(row: dict[str, Any]) -> str:
    counted = Counter(one["state"] for one in row["runs"])
    return ", ".join(f"{count} {state}" for state, count in sorted(counted.items()))
