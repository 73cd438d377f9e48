"""`sereno-agent policy show`: what is in force here, and beside it what the server wishes."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

from sereno_agent import config, policy, wants
from sereno_agent.folders import Folders
from sereno_agent.policy import Policy
from sereno_agent.wants import Wants

NARROWED = "narrowed, in force"
BEYOND = "not in force"


def gather(folders: Folders) -> dict[str, Any]:
    """The policy, the server's wishes, and how they compare, as plain values."""
    path = config.load(folders.config).policy or folders.policy
    own = policy.in_force(path)
    wished = wants.load(folders.wants)
    return {
        "path": str(path),
        "error": own.error,
        "digest": own.digest,
        "in_force": {f.name: _plain(getattr(own, f.name)) for f in fields(own) if f.name not in {"digest", "error"}},
        "wanted": [
            dict(zip(("key", "wanted", "verdict", "command"), row, strict=True)) for row in compare(own, wished)
        ],
    }


def compare(own: Policy, wished: Wants) -> list[tuple[str, str, str, str]]:
    """Each wish of the server: what it is about, the wish, whether it is in force, and the command that would allow it.

    What narrows is in force by itself; what widens never is.
    """
    rows = [
        ("collect.deny", name, "denied here too" if name in own.collectors_denied else NARROWED, "")
        for name in wished.collectors_denied
    ]
    rows += [("redact", word, NARROWED, "") for word in wished.redact_words]
    if wished.collect_interval_ms:
        rows.append(("interval", f"{wished.collect_interval_ms} ms", "within agent.toml's bounds", ""))
    for action in wished.actions:
        if action in own.actions:
            rows.append(("actions.allow", action, "allowed here too", ""))
        else:
            command = f"sereno-agent policy set actions.allow {' '.join([*sorted(own.actions), action])}"
            rows.append(("actions.allow", action, BEYOND, command))
    return rows


def render(found: dict[str, Any]) -> Iterator[str]:
    """The page as text."""
    yield f"{found['path']}  {found['digest'] or 'not in force'}"
    if found["error"]:
        yield f"NOTHING IS ALLOWED: {found['error']}"
    for key, value in found["in_force"].items():
        if isinstance(value, dict) and value:
            for name, entry in value.items():
                yield f"  {key}.{name}: {_words(entry)}"
        else:
            yield f"  {key}: {_words(value)}"
    yield "The server wishes:" if found["wanted"] else "The server wishes nothing else."
    for row in found["wanted"]:
        yield f"  {row['key']} {row['wanted']}: {row['verdict']}"
        if row["command"]:
            yield f"    to allow it: {row['command']}"


def _words(value: object) -> str:
    if isinstance(value, dict) and value:
        return ", ".join(f"{key} {_words(inner)}" for key, inner in value.items() if inner not in ("", [], 0, False))
    if isinstance(value, list):
        return " ".join(str(one) for one in value) or "none"
    if value in ({}, "", "None"):
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value).replace("\n", "\\n")


def _plain(value: object) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value) if f.name != "name"}
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, frozenset | set | tuple | list):
        return [_plain(inner) for inner in (sorted(value) if isinstance(value, frozenset | set) else value)]
    return value if isinstance(value, bool | int | float | str) else str(value)
