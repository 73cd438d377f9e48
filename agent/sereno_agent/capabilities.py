"""`sereno-agent capabilities`: what this product can do to a machine, and what of it this machine's policy allows."""

from collections.abc import Iterator
from typing import Any

from sereno_agent import config, policy
from sereno_agent.folders import Folders
from sereno_diagnostics.parameters import NAMED
from sereno_playbooks import catalogue
from sereno_playbooks import registry as actions


def gather(folders: Folders) -> dict[str, Any]:
    """The catalogue as docs/catalogue.md has it, and what is in force here, as plain values."""
    settings = config.load(folders.config)
    path = settings.policy or folders.policy
    own = policy.in_force(path)
    kinds = {name: database.kind for name, database in settings.databases.items()}
    allowed = policy.allowed(own, path, folders.state, databases=kinds)
    return {
        "catalogue": catalogue.gather(),
        "here": {
            "policy": str(path),
            "error": own.error,
            "lockdown": folders.lockdown.exists(),
            "actions": sorted(own.actions & set(actions.names())),
            "names": {kind: sorted(allowed.of_kind(kind)) for kind in NAMED},
        },
    }


def render(found: dict[str, Any]) -> Iterator[str]:
    """docs/catalogue.md to the letter, then what this machine allows."""
    yield catalogue.markdown(found["catalogue"])
    here = found["here"]
    yield "## On this machine"
    yield ""
    yield f"The policy is {here['policy']}."
    if here["error"]:
        yield f"NOTHING IS ALLOWED, NO CHECK EITHER: {here['error']}"
    if here["lockdown"]:
        yield "The machine is in lockdown: nothing remote may be done."
    yield f"- Actions: {', '.join(here['actions']) or 'none'}."
    for kind, names in here["names"].items():
        yield f"- {kind}: {', '.join(names) or 'none'}."
