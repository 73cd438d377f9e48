"""Reading a device's plan before it is signed, and signing it: what comes from the server is checked on the way."""

from typing import Any
from urllib.parse import quote

from sereno_proto import sshsig
from sereno_proto.errors import Refused
from sereno_proto.plan import Plan
from sereno_server.cli.client import Client
from sereno_server.cli.known_devices import KnownDevices
from sereno_server.cli.names import say_name
from sereno_server.cli.plan_text import require_newest_roster, show, verified
from sereno_server.cli.settings import Settings
from sereno_server.cli.signing import signer_for


def read(
    settings: Settings, client: Client, view: dict[str, Any], purpose: str, *, playbook: str = "", device: str = ""
) -> bytes:
    """Shows the plan of a run, and gives its text. Raises when it is not the device's own, or not what was asked."""
    if view["state"] != "planned":
        why = f"{view['code']} {view['what']}" if view.get("code") else "there is nothing to sign"
        raise Refused("E_CONFLICT", f"{view['id']} is {view['state']}: {why}", "ask for a new plan: `sereno run`")
    text = client.text(f"/api/v1/runs/{quote(view['id'])}/plan")
    plan = verified(text, view["device_signature"], KnownDevices(settings.path.parent / "known_devices.json"))
    say_name(settings, client, plan.device_id, plan.device_name)
    _check_names(plan, view)
    if purpose == "request":
        check_request(plan, client.person.name, playbook, device)
    require_newest_roster(plan.roster_version_min, settings.roster)
    show(text, plan, str(view.get("reason") or ""))
    return text


def put(client: Client, run_id: str, text: bytes, purpose: str, key: str | None) -> None:
    """Signs the text that was read, and hands the signature in."""
    namespace = sshsig.REQUEST_NAMESPACE if purpose == "request" else sshsig.APPROVE_NAMESPACE
    signer = signer_for(key or client.person.approve, f"approving key of {client.person.name}")
    body = {"purpose": purpose, "signature": signer.sign(text, namespace)}
    client.post(f"/api/v1/runs/{quote(run_id)}/signatures", body)


def check_request(plan: Plan, person: str, playbook: str, device: str = "") -> None:
    """What we asked for is what the text says: the server may not put other words into our mouth."""
    if plan.requester != person:
        raise Refused("E_REQUESTER_OTHER", f"the text says that {plan.requester} asks, not {person}")
    if playbook and plan.playbook != playbook:
        raise Refused("E_PLAN_CHANGED", f"the text is a plan of {plan.playbook}, not of {playbook}")
    if device and device not in (plan.device_name, plan.device_id):
        raise Refused("E_PLAN_DEVICE", f"the text is a plan of {plan.device_name}, not of {device}")


def _check_names(plan: Plan, view: dict[str, Any]) -> None:
    """The run that we asked for is the one that the text names; else the server has mixed them up, or lies."""
    if plan.run_id != view["id"]:
        raise Refused("E_PLAN_CHANGED", f"the text belongs to {plan.run_id}, not to {view['id']}")
