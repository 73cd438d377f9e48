"""`sereno-agent status`: one screen for the machine's owner."""

from typing import Any, Final

from sereno_agent import agent_lock, config, ledger, policy, status, wants
from sereno_agent.folders import Folders
from sereno_agent.witness import Witness
from sereno_proto.errors import SerenoError

_STALE_S: Final = 60


def gather(folders: Folders) -> dict[str, Any]:
    """Everything there is to say, as plain values. Whatever cannot be read is said, and stops nothing else."""
    try:
        joined: dict[str, Any] | None = config.read_joined(folders.joined)._asdict()
    except SerenoError as error:
        if error.code != "E_NOT_JOINED":
            raise
        joined = None
    settings = config.load(folders.config)
    policy_path = settings.policy or folders.policy
    allowed = policy.in_force(policy_path)
    wished = wants.load(folders.wants)
    try:
        head, ledger_error = ledger.head(folders.ledger), ""
    except SerenoError as error:
        head, ledger_error = ledger.Head(), error.what
    return {
        "joined": joined,
        "organisation": status.said(folders.root_text, "name"),
        "roster": {
            "version": status.roster_version(folders.roster_text),
            "expires": status.said(folders.roster_text, "expires"),
        },
        "running": agent_lock.is_held(folders),
        "lockdown": folders.lockdown.exists(),
        "policy": {"path": str(policy_path), "error": allowed.error, "digest": allowed.digest},
        "allowed_actions": sorted(allowed.actions),
        "named": {"folders": sorted(allowed.folders), "files": sorted(allowed.files)},
        "wanted": wished._asdict(),
        "wanted_beyond": sorted(set(wished.actions) - allowed.actions),
        "ledger": {"rows": head.length, "head": head.digest if head.length else "", "error": ledger_error},
        "witness": _witnessed(folders),
        "executor": "a user of its own, at its socket" if folders.split else "the same user as the core",
        "spool_bytes_max": settings.spool_bytes_max,
        "core": status.read(folders.status),
    }


def render(found: dict[str, Any], now_s: float) -> str:
    """The screen as text."""
    joined, core = found["joined"], found["core"]
    if joined is None:
        return "Not joined: run `sereno-agent join CODE`."
    roster = found["roster"]
    rows = [
        ("Device", f"{joined['name']}  {joined['device_id']}"),
        ("Organisation", f"{found['organisation'] or 'unknown'}  {joined['organisation_id']}"),
        ("Roster", f"version {roster['version']}, until {roster['expires']}" if roster["version"] else "none pinned"),
        ("Server", f"{joined['link_address']}, {_link(found, now_s)}"),
    ]
    if core:
        rows += [("Last sent", _ago(core.get("acknowledged_ms", 0), now_s)), ("Spool", _spool(found))]
    rows += [
        ("Policy", _policy(found)),
        *([("Wanted", f"{', '.join(found['wanted_beyond'])}: not allowed here")] if found["wanted_beyond"] else []),
        ("Lockdown", "ON: nothing remote may act here" if found["lockdown"] else "off"),
        ("Executor", found["executor"]),
        ("Ledger", found["ledger"]["error"] or f"{found['ledger']['rows']} rows  {found['ledger']['head']}".strip()),
    ]
    rows.append(("Witness", _witness(found["witness"], now_s)))
    if core:
        rows += [("Cost", _cost(core)), ("Collecting", _collecting(core))]
        failing = [f"{name}: {one['error']}" for name, one in core.get("collectors", {}).items() if one["error"]]
        rows += [("Failing", line) for line in failing]
        rows += [("Logs", log_row(name, one)) for name, one in sorted(core.get("logs", {}).items())]
    rows += [("Stale", text) for text in _stale(found, now_s)]
    return "\n".join(f"{label + ':':14}{text}" for label, text in rows)


def _witnessed(folders: Folders) -> dict[str, Any]:
    seen = Witness(folders.witness)
    return {"size": seen.size, "at_ms": seen.at_ms, "fault": seen.fault, "path": str(folders.witness)}


def _witness(seen: dict[str, Any], now_s: float) -> str:
    """What this device holds against the server's ledger; a fault is the loudest line of the screen."""
    if seen["fault"]:
        return f"THE SERVER'S LEDGER WAS CHANGED: {seen['fault']}; the evidence is {seen['path']}"
    if not seen["size"]:
        return "no checkpoint of the server's ledger yet"
    return f"{seen['size']} rows of the server's ledger, {_ago(seen['at_ms'], now_s)}"


def _link(found: dict[str, Any], now_s: float) -> str:
    core = found["core"]
    if not found["running"]:
        return "the agent is not running"
    if core.get("connected_since_ms"):
        return f"connected since {_ago(core['connected_since_ms'], now_s)}"
    return f"not connected: {core.get('link_error') or 'connecting'}"


def _policy(found: dict[str, Any]) -> str:
    if found["policy"]["error"]:
        return f"NOTHING IS ALLOWED: {found['policy']['error']}"
    names = len(found["named"]["folders"]) + len(found["named"]["files"])
    actions = ", ".join(found["allowed_actions"]) or "none"
    return f"{found['policy']['path']}: valid, {names} folders and files named, actions: {actions}"


def _spool(found: dict[str, Any]) -> str:
    core = found["core"]
    text = f"{core.get('spool_bytes', 0) / 1e6:.1f} MB of {found['spool_bytes_max'] / 1e6:.0f} MB wait"
    dropped = [f"{count} {kind}" for kind, count in core.get("spool_dropped", {}).items() if count]
    if dropped:
        text += f", dropped: {', '.join(dropped)}"
    return f"{text}, {core['spool_error']}" if core.get("spool_error") else text


def _cost(core: dict[str, Any]) -> str:
    text = f"{core.get('resident_bytes', 0) / 1e6:.0f} MB resident, {core.get('cpu_s', 0):.1f} s of CPU"
    lived_s = (core.get("written_ms", 0) - core.get("started_ms", 0)) / 1000
    return f"{text} ({core.get('cpu_s', 0) / lived_s * 15_000:.0f} ms each 15 s)" if lived_s > _STALE_S else text


def _collecting(core: dict[str, Any]) -> str:
    collectors = core.get("collectors", {})
    if not collectors:
        return "nothing"
    slowest = max(collectors, key=lambda name: collectors[name]["mean_ms"])
    return f"{len(collectors)} collectors, the slowest {slowest} ({collectors[slowest]['mean_ms']:.1f} ms)"


def log_row(name: str, one: dict[str, Any]) -> str:
    """What one log source has said, in one line."""
    text = f"{name}: {one['lines_per_s']:g} lines/s, {one['lines']:,} since the start"
    if one["withheld"]:
        text += f", {one['withheld']:,} WITHHELD (more than lines_per_minute)"
    return f"{text}, {one['redacted']:,} with a secret taken out"


def _stale(found: dict[str, Any], now_s: float) -> list[str]:
    core = found["core"]
    if not core or not found["running"] or now_s - core.get("written_ms", 0) / 1000 < _STALE_S:
        return []
    return [f"the agent runs, and last wrote this {_ago(core.get('written_ms', 0), now_s)}"]


def _ago(moment_ms: int, now_s: float) -> str:
    if not moment_ms:
        return "never"
    seconds = max(0, int(now_s) - moment_ms // 1000)
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit} ago"
    return f"{seconds} s ago"
