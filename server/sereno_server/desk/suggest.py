"""Which playbook fits a ticket, with the parameters that its evidence gives. The desk suggests; people decide."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_diagnostics.parameters import NAME_PATTERN, NAMED
from sereno_proto.errors import SerenoError
from sereno_proto.v1.runs_pb2 import RunCheck
from sereno_server.alerts.signal import STORM
from sereno_server.desk.facts import AlertFact, CauseFact, Facts, load
from sereno_server.runs.parts import Clock
from sereno_server.runs.playbook_parts import Playbook
from sereno_server.runs.playbooks import SHELF, Library


@dataclass(frozen=True)
class Suggestion:
    """A playbook with its parameters, and the checks that are run before it is proposed.

    playbook: empty where none fits; then there are only checks, and nothing is proposed.
    """

    playbook: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    diagnose: tuple[RunCheck, ...] = ()
    narrower: Mapping[str, str] | None = None  # only what the playbook cannot do without, when that is less


# What is looked at where no playbook fits, by the resource that runs out.
LOOKS: Mapping[str, tuple[RunCheck, ...]] = {
    resource: (RunCheck(check="memory_pressure"), RunCheck(check="recent_changes"))
    for resource in ("memory", "swap", "huge_pages", "container_memory", "process_ids")
}
LOOK_ANYWAY = (RunCheck(check="recent_changes"),)

Suggest = Callable[[Facts], Suggestion | None]


def suggest(facts: Facts, library: Library | None = None) -> Suggestion | None:
    """The first playbook that matches an alert that fires and whose parameters the evidence gives.

    Without one, the checks that tell most about what runs out; None when nothing does.
    """
    library = library or SHELF.library()
    if facts.fingerprint.startswith(STORM):
        return None  # many devices: no single device's fix mends it
    looks: Suggestion | None = None
    for alert in facts.alerts:
        if alert.state != "firing":
            continue
        for playbook in library.matching(alert.kind, alert.resource):
            parameters = parameters_for(playbook, alert, facts.causes)
            try:
                diagnose = tuple(library.diagnose(playbook.name, parameters))
            except SerenoError:
                continue  # it needs what this evidence does not give
            if not any(step.kind == "action" for step in library.steps_of(playbook.name)):
                looks = looks or Suggestion("", diagnose=diagnose)  # it only looks: nothing is there to be signed
                continue
            needed = {name: value for name, value in parameters.items() if not playbook.parameters[name].optional}
            return Suggestion(playbook.name, parameters, diagnose, needed if needed != parameters else None)
    if looks is not None:
        return looks
    running_out = [alert for alert in facts.alerts if alert.state == "firing" and alert.kind == "exhaustion"]
    return Suggestion("", diagnose=LOOKS.get(running_out[0].resource, LOOK_ANYWAY)) if running_out else None


def parameters_for(playbook: Playbook, alert: AlertFact, causes: tuple[CauseFact, ...]) -> dict[str, str]:
    """What the evidence gives for each kind of parameter: the alert's folder, the top cause's file and its version."""
    by_kind: dict[str, str] = {}
    if alert.resource in NAMED and NAME_PATTERN.fullmatch(name := alert.object.removesuffix(".service")):
        by_kind[alert.resource] = name
    top = min(causes, key=lambda cause: cause.rank, default=None)
    if top is not None and top.kind == "file" and top.name and top.before_digest:
        by_kind |= {"file": top.name, "digest": top.before_digest}
    return {name: by_kind[declared.kind] for name, declared in playbook.parameters.items() if declared.kind in by_kind}


async def complete(  # noqa: PLR0917
    tx: AsyncConnection,
    organisation_id: str,
    ticket_id: str,
    playbook_name: str,
    given: Mapping[str, str] | None,
    clock: Clock,
) -> dict[str, str]:
    """Completes a person's parameters from the ticket's evidence. Raises E_PLAYBOOK_UNKNOWN.

    Without any the evidence gives all; otherwise it gives only those that the playbook cannot do without.
    """
    playbook = SHELF.library().get(playbook_name)
    facts = await load(tx, organisation_id, ticket_id, clock())
    matching = {(match.alert, match.resource) for match in playbook.matches}
    alert = next((alert for alert in facts.alerts if (alert.kind, alert.resource) in matching), None)
    known = parameters_for(playbook, alert, facts.causes) if alert else {}
    if given:
        known = {name: value for name, value in known.items() if not playbook.parameters[name].optional}
    return known | dict(given or {})
