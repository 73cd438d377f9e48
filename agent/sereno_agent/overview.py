"""`sereno-agent status`: one screen for the machine's owner."""

import time
from typing import Any, Final

from sereno_agent import agent_lock, config, ledger, policy, status
from sereno_agent.folders import Folders
from sereno_proto.errors import SerenoError

_STALE_S: Final = 60


def gather(folders: Folders) -> dict[str, Any]:
    """Everything there is to say, as plain values."""
    try:
        joined: dict[str, Any] | None = config.read_joined(folders.joined)._asdict()
    except SerenoError as error:
        if error.code != "E_NOT_JOINED":
            raise
        joined = None
    settings = config.load(folders.config)
    policy_path = settings.policy or folders.policy
    try:
        allowed, policy_error = policy.load(policy_path), ""
    except SerenoError as error:
        allowed, policy_error = policy.Policy(), error.what
    try:
        head, ledger_error = ledger.head(folders.ledger), ""
    except SerenoError as error:
        head, ledger_error = ledger.Head(), error.what
    core = status.read(folders.status)
    return {
        "joined": joined,
        "running": agent_lock.is_held(folders),
        "lockdown": folders.lockdown.exists(),
        "policy": {"path": str(policy_path), "error": policy_error, "digest": allowed.digest},
        "allowed_actions": sorted(allowed.actions),
        "ledger": {"rows": head.length, "head": head.digest if head.length else "", "error": ledger_error},
        "core": core,
    }


def render(found: dict[str, Any]) -> str:
    """The screen as text."""
    joined, core = found["joined"], found["core"]
    if joined is None:
        return "Not joined: run `sereno-agent join CODE`."
    policy_says = found["policy"]["error"] or f"valid, {', '.join(found['allowed_actions']) or 'no actions'} allowed"
    rows = [
        ("Device", f"{joined['name']}  {joined['device_id']}"),
        ("Organisation", joined["organisation_id"]),
        ("Server", f"{joined['link_address']}  {_link(found)}"),
        ("Lockdown", "ON: nothing remote may act here" if found["lockdown"] else "off"),
        ("Policy", f"{found['policy']['path']}: {policy_says}"),
        ("Ledger", found["ledger"]["error"] or f"{found['ledger']['rows']} rows"),
    ]
    if core:
        rows += [
            ("Last sent", _ago(core.get("acknowledged_ms", 0))),
            ("Spool", _spool(core)),
            ("Cost", f"{core.get('resident_bytes', 0) / 1e6:.0f} MB, {core.get('cpu_s', 0):.1f} s of CPU so far"),
        ]
        failing = [f"{name}: {one['error']}" for name, one in core.get("collectors", {}).items() if one["error"]]
        rows += [("Failing", line) for line in failing]
    return "\n".join(f"{label + ':':14}{text}" for label, text in rows)


def _link(found: dict[str, Any]) -> str:
    core = found["core"]
    if not found["running"]:
        return "the agent is not running"
    if core.get("connected_since_ms"):
        return f"connected since {_ago(core['connected_since_ms'])}"
    return f"not connected: {core.get('link_error') or 'connecting'}"


def _spool(core: dict[str, Any]) -> str:
    dropped = sum(core.get("spool_dropped", {}).values())
    text = f"{core.get('spool_bytes', 0) / 1e6:.1f} MB wait"
    if dropped:
        text += f", {dropped} messages were dropped"
    return f"{text}, {core['spool_error']}" if core.get("spool_error") else text


def _ago(moment_ms: int) -> str:
    if not moment_ms:
        return "never"
    seconds = max(0, int(time.time()) - moment_ms // 1000)
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit} ago"
    return f"{seconds} s ago"
