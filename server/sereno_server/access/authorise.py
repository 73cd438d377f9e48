"""May this person do that? One function for pages, API and CLI; what is not in VERBS is refused."""

from dataclasses import dataclass

from sereno_proto.errors import Refused
from sereno_server.access.account import Account

_STAFF = frozenset({"administrator", "technician", "approver"})

VERBS: dict[str, frozenset[str]] = {
    "read": _STAFF | {"customer"},
    "read_ledger": _STAFF | {"customer"},
    "request_run": _STAFF,
    "run_check": _STAFF,
    "sign": _STAFF,
    "backtest": _STAFF,  # it costs a core for a while
    "rate": _STAFF,  # was a ticket useful
    "end_mute": _STAFF,
    "deny": _STAFF | {"customer"},  # saying no is easy
    "wish": frozenset({"administrator", "technician", "customer"}),  # of a policy, whose owner decides
    "maintain": frozenset({"administrator", "technician"}),  # announce work, say where a device stands
    "name_device": frozenset({"administrator", "technician"}),  # the registrar's signature is what counts
    "make_join_code": frozenset({"administrator", "technician"}),
    "publish_roster": frozenset({"administrator"}),
    "administer": frozenset({"administrator"}),
}


@dataclass(frozen=True)
class Object:
    """What is acted upon: `device`, `ticket`, `run`, … of one organisation."""

    kind: str
    organisation_id: str
    id: str = ""


def authorise(person: Account, verb: str, thing: Object) -> None:
    """Raises E_FORBIDDEN unless the role allows the verb; another organisation's things do not exist (E_NOT_FOUND)."""
    if thing.organisation_id != person.organisation_id:
        raise Refused("E_NOT_FOUND", f"no {thing.kind} {thing.id}".rstrip())
    if person.role not in VERBS.get(verb, frozenset()):
        raise Refused("E_FORBIDDEN", f"{person.name} ({person.role}) may not {verb.replace('_', ' ')} here")
