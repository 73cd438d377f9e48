"""What actions do to services: one verb of systemctl each, between states that the plan names.

A unit is named by the policy, which also says which verbs it takes. Sereno's own units are never touched, under no
alias either. States are as systemd words them; a running one carries the beginning of its invocation's id, so that a
service that was restarted since the plan is told from one that was not.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from sereno_diagnostics import systemd
from sereno_diagnostics.allowed import WatchedService
from sereno_diagnostics.parameters import Parameter, Values
from sereno_playbooks import subjects
from sereno_playbooks.action import Draft, Outcome, Site
from sereno_proto.errors import Refused
from sereno_proto.planned_step import PlannedStep, Subject

NEEDS: Final = ("root",)
LIMITS: Final = {"services-max": 1}
RESTARTED: Final = "active/new"
RUNNING: Final = ("active", "reloading", "activating", "deactivating")
STOPPED: Final = ("inactive", "failed")
_MASKED: Final = "masked"
_OWN: Final = ("sereno-", "sereno.", "sereno@")
_SETTLE_LOOKS: Final = 3
_SETTLE_S: Final = 1.0
_INVOCATION_CHARS: Final = 12


def parameters(what: str) -> tuple[Parameter, ...]:
    """The one parameter that they all have."""
    return (Parameter("service", "service", what),)


class Verb(NamedTuple):
    """One action on services. wish: the state to reach from the present one; None when it is reached already."""

    name: str
    wish: Callable[[systemd.Unit], str | None]
    state: Callable[[systemd.Unit], str]
    effect: str
    undo: str
    back: Callable[[str], str | None]  # the verb that undoes it, by the state before; None: nothing is to be undone


def plan(verb: Verb, values: Values, site: Site) -> Draft:
    """One subject, the unit, unless it is as wished already. Looks twice: what flaps by itself is no ground to plan on.

    Raises E_UNSETTLED for a unit that is changing state.
    """
    service = _allowed(verb, values, site)
    unit = read(service, site)
    before, after = verb.state(unit), verb.wish(unit)
    if verb.state(read(service, site)) != before:
        raise Refused("E_UNSETTLED", f"{service.unit} changed its state between two looks")
    if after is None:
        return Draft(f"{service.unit} is {before} already.", verb.undo)
    return Draft(
        effect=f"{verb.effect} {service.unit}, which is {before.partition('/')[0]} now.",
        undo=verb.undo,
        subjects=(Subject("service", service.unit, before, after),),
        bounds={"services-max": 1},
    )


def verify(verb: Verb, step: PlannedStep, values: Values, site: Site) -> None:
    """Refuses when the unit is neither as it was when the plan was made, nor as wished already."""
    _waiting(verb, step, values, site)


def apply(verb: Verb, step: PlannedStep, values: Values, site: Site) -> str:
    """Has systemd do it, and looks whether it lasts."""
    service = _allowed(verb, values, site)
    waiting = _waiting(verb, step, values, site)
    if waiting is None:
        return f"{service.unit} was as wished already"
    subject, now = waiting
    site.record({"unit": service.unit, "before": now})
    site.programs.change(f"service_{verb.name}", unit=service.unit)
    _settle(verb, service, subject, site)
    return f"{service.unit} is {subject.after.partition('/')[0]}, it was {now.partition('/')[0]}"


def revert(verb: Verb, values: Values, entries: list[dict[str, object]], site: Site) -> Outcome:
    """Has systemd do the opposite, unless there is nothing to bring back."""
    service = _allowed(verb, values, site)
    for entry in entries:
        if entry.get("unit") != service.unit:
            return Outcome("an undo entry names a unit that is not of the plan", complete=False)
        back = verb.back(str(entry["before"]))
        if back is None:
            return Outcome(f"{service.unit}: {verb.undo}")
        site.programs.change(f"service_{back}", unit=service.unit)
    return Outcome(f"{service.unit} is as it was before")


def read(service: WatchedService, site: Site) -> systemd.Unit:
    """The unit as systemd tells it; raises E_NOT_FOUND when there is none, E_PROTECTED_PATH for Sereno's own."""
    units = systemd.parse(site.programs.told("unit", unit=service.unit))
    if len(units) != 1 or units[0].get("LoadState", "not-found") in {"not-found", "error", "bad-setting"}:
        raise Refused("E_NOT_FOUND", f"systemd knows no good unit {service.unit}")
    unit = units[0]
    if any(name.startswith(_OWN) for name in (service.unit, unit.get("Id", ""))):
        raise Refused("E_PROTECTED_PATH", f"{service.unit} is Sereno's own, and never touched by an action")
    return unit


def running_state(unit: systemd.Unit) -> str:
    """`active/INVOCATION`, or what else it is."""
    state = unit.get("ActiveState", "")
    return f"{state}/{unit.get('InvocationID', '')[:_INVOCATION_CHARS] or 'unknown'}" if state == "active" else state


def runs_or_not(unit: systemd.Unit) -> str:
    """`active` for all that is not stopped: what is restarted again and again is not another thing each moment."""
    state = unit.get("ActiveState", "")
    return state if state in STOPPED else "active"


def file_state(unit: systemd.Unit) -> str:
    """enabled, disabled, masked, static, ..."""
    if unit.get("LoadState") == _MASKED:
        return _MASKED
    return unit.get("UnitFileState", "") or "none"


def masked_or_not(unit: systemd.Unit) -> str:
    """`masked` or `unmasked`."""
    return _MASKED if file_state(unit) == _MASKED else "unmasked"


def file_wish(unit: systemd.Unit, now: str, wished: str) -> str | None:
    """The wished state of a unit's file, None when it is that; raises E_OUTSIDE_POLICY for static ones and the like.

    A masked unit may be planned to be enabled, which succeeds once a step before it has unmasked it; it starts with the
    machine as little as a disabled one.
    """
    state = file_state(unit)
    if state == _MASKED:
        return wished if wished == "enabled" else None
    if state not in {now, wished}:
        raise Refused("E_OUTSIDE_POLICY", f"{unit.get('Id', 'the unit')} is {state}: it is not enabled or disabled")
    return wished if state == now else None


def settled(unit: systemd.Unit) -> str:
    """The unit's state; raises E_UNSETTLED for one that is changing."""
    state = unit.get("ActiveState", "")
    if state not in {"active", *STOPPED}:
        raise Refused("E_UNSETTLED", f"{unit.get('Id', 'the unit')} is {state} ({unit.get('SubState', '')})")
    return state


def refuse_manual(unit: systemd.Unit, verb: str) -> None:
    """Raises E_OUTSIDE_POLICY for what systemd itself does not let be started or stopped by hand.

    A masked unit is let pass: a step before may unmask it, and without one systemd refuses to start it.
    """
    refused = unit.get(f"RefuseManual{verb}") == "yes" or unit.get(f"Can{verb}") == "no"
    if refused and unit.get("LoadState") != _MASKED:
        raise Refused("E_OUTSIDE_POLICY", f"systemd does not let {unit.get('Id', 'the unit')} be changed so by hand")


def _allowed(verb: Verb, values: Values, site: Site) -> WatchedService:
    service = site.allowed.service(str(values["service"]))
    if verb.name not in service.allow:
        raise Refused("E_POLICY_FORBIDS", f"the policy does not let {service.name} be changed so: {verb.name}")
    return service


def _waiting(verb: Verb, step: PlannedStep, values: Values, site: Site) -> tuple[Subject, str] | None:
    """The subject and its state while it is to be changed, None when that is done. Raises E_TARGET_DRIFTED."""
    service = _allowed(verb, values, site)
    subject = subjects.only(step, "service", service.unit)
    if subject is None:
        return None
    now = verb.state(read(service, site))
    if now == subject.before or (subject.before, now) == (_MASKED, "disabled"):  # unmasked by a step before
        return subject, now
    if _reached(now, subject):
        return None
    raise Refused("E_TARGET_DRIFTED", f"{service.unit} is {now}, it was {subject.before} when the plan was made")


def _settle(verb: Verb, service: WatchedService, subject: Subject, site: Site) -> None:
    """Looks a few times: a service that ends at once after its start is no success."""
    seen: set[str] = set()  # a new invocation between two looks is a restart
    for look in range(_SETTLE_LOOKS if subject.after.startswith("active") else 1):
        if look:
            site.wait(_SETTLE_S)
        now = verb.state(read(service, site))
        seen.add(now)
        if not _reached(now, subject) or len(seen) > 1:
            raise Refused("E_REQUIRE_FAILED", f"{service.unit} is {now} afterwards, not {subject.after}")


def _reached(now: str, subject: Subject) -> bool:
    if subject.after == RESTARTED:
        return now.startswith("active/") and now != subject.before
    return now == subject.after
