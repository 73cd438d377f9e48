"""Which playbook fits a ticket, with the parameters that its evidence gives. The desk suggests; people decide."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_diagnostics.compare import COMPARISONS
from sereno_proto.errors import SerenoError
from sereno_proto.v1.runs_pb2 import RunCheck
from sereno_server.alerts.signal import STORM
from sereno_server.desk.evidence import parameters_for
from sereno_server.desk.facts import AlertFact, Facts, load
from sereno_server.runs.parts import Clock
from sereno_server.runs.playbook_parts import Condition, Playbook
from sereno_server.runs.playbooks import SHELF, Library


@dataclass(frozen=True)
class Suggestion:
    """A playbook with its parameters, and the checks that are run before it is proposed.

    playbook: empty where none fits; then there are only checks, and nothing is proposed.
    narrower: what is proposed instead once the device refused this as too wide.
    """

    playbook: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    diagnose: tuple[RunCheck, ...] = ()
    narrower: "Suggestion | None" = None


LOOK_ANYWAY = (RunCheck(check="recent_changes"),)  # at what no playbook knows

Suggest = Callable[[Facts], Suggestion | None]


def suggest(facts: Facts, library: Library | None = None) -> Suggestion | None:
    """The playbook that fits best: it matches an alert that fires, and the evidence gives its parameters.

    Where none of them mends anything, the checks of the one that looks; their findings may give what another needs.
    """
    library = library or SHELF.library()
    if facts.fingerprint.startswith(STORM):
        return None  # many devices: no single device's fix mends it
    firing = [alert for alert in facts.alerts if alert.state == "firing"]
    fitting = [one for alert in firing for one in _fitting(alert, facts, library)]
    mending = [one for one in fitting if library.mends(one.playbook) and not _idle(one.playbook, facts, library)]
    if mending:
        best, *others = mending
        return best if best.narrower or not others else replace(best, narrower=others[0])
    looking = [one for one in fitting if not library.mends(one.playbook)]
    if looking:
        return replace(looking[0], playbook="")
    return Suggestion("", diagnose=LOOK_ANYWAY) if any(alert.kind == "exhaustion" for alert in firing) else None


def _fitting(alert: AlertFact, facts: Facts, library: Library) -> list[Suggestion]:
    """What can be suggested for one alert with what is known."""
    found = []
    for playbook in library.matching(alert.kind, alert.resource, alert.object):
        parameters = parameters_for(playbook, alert, facts)
        try:
            diagnose = tuple(library.diagnose(playbook.name, parameters))
        except SerenoError:
            continue  # it needs what this evidence does not give
        needed = _needed(playbook, parameters)
        narrower = Suggestion(playbook.name, needed, diagnose) if needed != parameters else None
        found.append(Suggestion(playbook.name, parameters, diagnose, narrower))
    return found


def _idle(name: str, facts: Facts, library: Library) -> bool:
    """Whether the checks found that nothing of it would be done: a condition of each action does not hold."""
    actions = [step for step in library.steps_of(name) if step.kind == "action"]
    return all(any(_refuted(condition, facts) for condition in step.when) for step in actions)


def _refuted(condition: Condition, facts: Facts) -> bool:
    """Whether the newest finding of its check says that it does not hold; what nobody looked at is not refuted."""
    found = next((one for one in facts.findings if one.check == condition.call.name), None)
    figure = found.figures.get(condition.figure) if found else None
    return figure is not None and not COMPARISONS[condition.comparison](figure, condition.value)


def _needed(playbook: Playbook, parameters: Mapping[str, str]) -> dict[str, str]:
    """Only what the playbook cannot do without."""
    return {name: value for name, value in parameters.items() if not playbook.parameters[name].optional}


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
    fits = [
        alert
        for alert in facts.alerts
        if any(match.fits(alert.kind, alert.resource, alert.object) for match in playbook.matches)
    ]
    about = next(iter(fits or facts.alerts), None)
    known = parameters_for(playbook, about, facts) if about else {}
    return (_needed(playbook, known) if given else known) | dict(given or {})
