"""Finds actions: one file each in actions/, registered by its file name; and runs their three verbs.

The risk of an action and the digest of its code come from here, on the device, never from the server.
"""

import hashlib
import importlib
import json
import math
import pkgutil
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import cast

from sereno_diagnostics import registry as checks
from sereno_diagnostics.allowed import Allowed
from sereno_diagnostics.compare import COMPARISONS
from sereno_diagnostics.parameters import Values, bind, resolve
from sereno_playbooks import actions
from sereno_playbooks.action import Action, Outcome, Site
from sereno_proto.errors import BadInput, Refused
from sereno_proto.limits import REQUIRE_WITHIN_S_MAX, SUBJECTS_PER_STEP_MAX, TARGETS_PER_STEP_MAX
from sereno_proto.planned_step import PlannedStep, Require
from sereno_proto.v1.runs_pb2 import Requirement, Step

ON_FAILURE = ("undo", "stop", "continue")


def names() -> tuple[str, ...]:
    """Every registered action."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(actions.__path__)))


def get(name: str) -> Action:
    """The action of that name; raises BadInput with E_ACTION_UNKNOWN."""
    if name not in names():
        raise BadInput("E_ACTION_UNKNOWN", f"no action is called {name[:80]!r}")
    return cast("Action", importlib.import_module(f"{actions.__name__}.{name}"))


def risk_of(name: str) -> str:
    """low, medium or high, as the action itself says; raises BadInput with E_ACTION_UNKNOWN."""
    return get(name).RISK


def limits_of(name: str) -> dict[str, int]:
    """The limits that a grant made in advance gives the action where people name no others."""
    return dict(get(name).LIMITS)


def action_code(name: str) -> str:
    """`sha256:…` over the action's source and every module that it may use of these two packages, as installed here."""
    get(name)
    own = Path(next(iter(actions.__path__))) / f"{name}.py"
    listing = hashlib.sha256()
    for folder, paths in (
        ("actions", [own]),
        ("playbooks", sorted(Path(__file__).parent.glob("*.py"))),
        ("diagnostics", sorted(Path(checks.__file__).parent.glob("*.py"))),
    ):
        for path in paths:
            listing.update(f"{folder}/{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return f"sha256:{listing.hexdigest()}"


def plan(step: Step, site: Site) -> PlannedStep:
    """The dry run of a step, action or check. Changes nothing."""
    require, when = (tuple(_requirement(item, site.allowed) for item in items) for items in (step.require, step.when))
    on_failure = step.on_failure or "undo"
    if on_failure not in ON_FAILURE:
        raise BadInput("E_PARAMETER", f"on_failure must be one of {', '.join(ON_FAILURE)}")
    if bool(step.check) == bool(step.action):
        raise BadInput("E_PARAMETER", "a step is either a check or an action")
    planned = PlannedStep(
        name=step.name or step.action or step.check,
        parameters=dict(step.parameters),
        on_failure=on_failure,
        require=require,
        when=when,
    )
    if step.check:
        check_parameters(step.check, step.parameters, site.allowed)
        return replace(
            planned, check=step.check, effect=f"Reads: {checks.get(step.check).TITLE}.", undo="nothing is changed"
        )
    action = get(step.action)
    values = bind(step.action, action.PARAMETERS, step.parameters)
    resolve(action.PARAMETERS, values, site.allowed)
    draft = action.plan(values, site)
    if len(draft.targets) > TARGETS_PER_STEP_MAX:
        raise Refused("E_BOUND", f"{step.action} would touch more than {TARGETS_PER_STEP_MAX} files")
    if len(draft.subjects) > SUBJECTS_PER_STEP_MAX:
        raise Refused("E_BOUND", f"{step.action} would change more than {SUBJECTS_PER_STEP_MAX} things")
    return replace(
        planned,
        action=step.action,
        code=action_code(step.action),
        risk=action.RISK,
        effect=draft.effect,
        undo=draft.undo,
        targets=draft.targets,
        subjects=draft.subjects,
        bounds=draft.bounds,
        diff=draft.diff,
    )


def check_parameters(name: str, given: Mapping[str, str], allowed: Allowed) -> None:
    """Refuses what the check of that name would refuse: E_CHECK_UNKNOWN, E_PARAMETER, E_OUTSIDE_POLICY."""
    check = checks.get(name)
    resolve(check.PARAMETERS, bind(name, check.PARAMETERS, given), allowed)


def verify(step: PlannedStep, site: Site) -> None:
    """Raises what apply would raise before its first change."""
    action = get(step.action)
    if action_code(step.action) != step.code:
        raise Refused("E_ACTION_CODE", f"the code of {step.action} is not the one that was planned with")
    action.verify(step, _values(action, step, site), site)


def apply(step: PlannedStep, site: Site) -> Outcome:
    """Carries out a planned step; what it takes to undo it goes to site.record before each change, and is returned."""
    verify(step, site)
    action = get(step.action)
    entries: list[Mapping[str, object]] = []

    def record(entry: Mapping[str, object]) -> None:
        site.record(entry)
        entries.append(entry)

    summary = action.apply(step, _values(action, step, site), replace(site, record=record))
    return Outcome(summary, json.dumps(entries) if entries else "")


def revert(step: PlannedStep, undo_data: str, site: Site) -> Outcome:
    """Takes back what apply recorded, the last first."""
    action = get(step.action)
    entries = json.loads(undo_data) if undo_data else []
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise BadInput("E_PARAMETER", "the undo data is damaged")
    if not entries:
        return Outcome("nothing was changed, so nothing is to be undone")
    return action.revert(step, _values(action, step, site), entries[::-1], site)


def _values(action: Action, step: PlannedStep, site: Site) -> Values:
    values = bind(step.action, action.PARAMETERS, step.parameters)
    resolve(action.PARAMETERS, values, site.allowed)
    return values


def highest_risk(action_names: Iterable[str]) -> str:
    """The highest risk of these actions; low when there are none."""
    order = ("low", "medium", "high")
    return max((risk_of(name) for name in action_names), key=order.index, default="low")


def _requirement(item: Requirement, allowed: Allowed) -> Require:
    check_parameters(item.check, item.parameters, allowed)
    if item.figure not in checks.get(item.check).FIGURES:
        raise BadInput("E_PARAMETER", f"{item.check} has no figure {item.figure[:80]!r}")
    if item.comparison not in COMPARISONS or not math.isfinite(item.value):
        raise BadInput("E_PARAMETER", f"{item.figure} cannot be compared so")
    if item.within_s > REQUIRE_WITHIN_S_MAX:
        raise BadInput("E_PARAMETER", f"a requirement may wait {REQUIRE_WITHIN_S_MAX} s at most")
    return Require(
        check=item.check,
        parameters=dict(item.parameters),
        figure=item.figure,
        comparison=item.comparison,
        value=item.value,
        within_s=item.within_s,
    )
