"""The plan document: what a device will do, in the device's own words. The plan is the grant (DESIGN 4.6)."""

import math
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sereno_proto import documents
from sereno_proto.errors import BadInput
from sereno_proto.limits import (
    DEVICE_NAME_PATTERN,
    PERSON_NAME_PATTERN,
    PLAN_VALID_S,
    REQUIRE_WITHIN_S_MAX,
    STEP_NAME_CHARS_MAX,
    STEPS_MAX,
    TARGETS_PER_STEP_MAX,
)

RISKS = ("low", "medium", "high")
COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")
ON_FAILURE = ("undo", "stop", "continue")
CANNOT_BE_UNDONE = "cannot be undone"  # how the undo of a step begins that has none; pages say so

_STEP: Final = r"step\.[1-9][0-9]?"
_LIST: Final = r"(parameter|target|diff|require|when)\.[1-9][0-9]{0,3}"
KIND: Final = documents.Kind(
    "plan",
    1,
    (
        *("plan", "nonce", "device", "device-name", "organisation", "run", "playbook", "requester", "risk"),
        *("roster-version-min", "policy", "issued", "expires"),
    ),
    optional=("ticket",),
    patterned=(
        rf"{_STEP}\.(name|action|check|code|risk|effect|undo|on-failure)",
        rf"{_STEP}\.{_LIST}",
        rf"{_STEP}\.bound\.[a-z][a-z0-9-]{{0,40}}",
    ),
)

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,62}", re.ASCII)
_ID: Final = re.compile(r"[a-z]{3}_[a-z0-9]{1,64}", re.ASCII)
_NONCE: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)
_BEFORE: Final = re.compile(r"sha256:[0-9a-f]{64}|stat:[0-9]{1,18}:[0-9]{1,20}|absent|growing", re.ASCII)
_AFTER: Final = re.compile(r"sha256:[0-9a-f]{64}|absent|truncated|archive", re.ASCII)
_PLAYBOOK: Final = re.compile(r"[a-z][a-z0-9_.]{0,94}", re.ASCII)
_BOUND: Final = re.compile(r"[a-z][a-z0-9-]{0,40}", re.ASCII)
_REQUIRE_VALUE: Final = re.compile(r"[A-Za-z0-9._:/@+-]{1,255}", re.ASCII)
_TARGET_TEXT: Final = re.compile(
    r"(?P<before>[^ ]+) -> (?P<after>[^ ]+), inode (?P<inode>[0-9]+), "
    r"(at most (?P<bytes>[0-9]+) bytes, )?(?P<path>/.*)",
    re.DOTALL,
)
_REQUIRE_TEXT: Final = re.compile(
    r"(?P<check>[a-z0-9_]+)\((?P<parameters>[^()]*)\)\.(?P<figure>[a-z0-9_]+) (?P<comparison>[<>=!]+) "
    r"(?P<value>[0-9.e+-]+)( within (?P<within>[0-9]+) s)?",
    re.ASCII,
)


@dataclass(frozen=True)
class Target:
    """One file that a step changes, as it was when the plan was made.

    before: `sha256:…`, `stat:SIZE:MTIME_NS` for a file too big to be read for a digest, `absent`, or `growing` for a
    log that may still grow: path, inode and bytes_max identify it then.
    after: `sha256:…`, `absent`, `truncated`, or `archive`: a new file of at most bytes_max, made of a growing log.
    """

    path: str
    inode: int
    before: str
    after: str
    bytes_max: int = 0


@dataclass(frozen=True)
class Require:
    """A figure of a check that must hold after a step: `disk_space(folder=app-logs).free_percent >= 20 within 60`."""

    check: str
    parameters: dict[str, str]
    figure: str
    comparison: str
    value: float
    within_s: int = 0


@dataclass(frozen=True)
class PlannedStep:
    """One step after its dry run: either an action with its targets and bounds, or a check."""

    name: str
    parameters: dict[str, str]
    action: str = ""
    check: str = ""
    code: str = ""  # digest of the action's code
    risk: str = "low"
    effect: str = ""  # one sentence of the device's own
    undo: str = ""  # how it is undone, or why it cannot be
    on_failure: str = "undo"
    targets: tuple[Target, ...] = ()
    bounds: dict[str, int] = field(default_factory=dict)  # {"bytes-removed-max": 52428800, "files-max": 14}
    diff: tuple[str, ...] = ()  # lines of a unified diff, where a text file changes
    require: tuple[Require, ...] = ()
    when: tuple[Require, ...] = ()


@dataclass(frozen=True)
class Plan:
    """A plan. The exact bytes of its text, as the device wrote them once, are what is signed."""

    id: str  # pln_...
    nonce: str
    device_id: str
    device_name: str
    organisation_id: str
    run_id: str
    ticket_id: str  # or ""
    playbook: str
    requester: str  # a person on the roster, or "server"
    risk: str
    roster_version_min: int
    policy_digest: str
    issued: datetime
    expires: datetime
    steps: tuple[PlannedStep, ...]


def highest(risks: tuple[str, ...]) -> str:
    """The highest of the risks; without any, the lowest there is."""
    return max(risks, key=RISKS.index, default=RISKS[0])


def write_plan(plan: Plan) -> bytes:
    """Gives the document's bytes; raises BadInput when the plan makes no sense or does not fit."""
    _check(plan)
    fields = {
        "plan": plan.id,
        "nonce": plan.nonce,
        "device": plan.device_id,
        "device-name": plan.device_name,
        "organisation": plan.organisation_id,
        "run": plan.run_id,
    }
    if plan.ticket_id:
        fields["ticket"] = plan.ticket_id
    fields |= {
        "playbook": plan.playbook,
        "requester": plan.requester,
        "risk": plan.risk,
        "roster-version-min": str(plan.roster_version_min),
        "policy": plan.policy_digest,
        "issued": documents.write_time(plan.issued),
        "expires": documents.write_time(plan.expires),
    }
    for number, step in enumerate(plan.steps, 1):
        fields |= {f"step.{number}.{key}": value for key, value in _step_fields(step).items()}
    return documents.write(KIND, fields)


def read_plan(text: bytes) -> Plan:
    """Reads the document. Says nothing about who signed it or whether a device still holds it."""
    fields = documents.read(text, KIND)
    steps: dict[str, dict[str, str]] = {}
    for key, value in fields.items():
        if key.startswith("step."):
            _, number, part = key.split(".", 2)
            steps.setdefault(number, {})[part] = value
    plan = Plan(
        id=fields["plan"],
        nonce=fields["nonce"],
        device_id=fields["device"],
        device_name=fields["device-name"],
        organisation_id=fields["organisation"],
        run_id=fields["run"],
        ticket_id=fields.get("ticket", ""),
        playbook=fields["playbook"],
        requester=fields["requester"],
        risk=fields["risk"],
        roster_version_min=documents.read_integer(fields["roster-version-min"]),
        policy_digest=fields["policy"],
        issued=documents.read_time(fields["issued"]),
        expires=documents.read_time(fields["expires"]),
        steps=tuple(_read_step(number, step) for number, step in steps.items()),
    )
    if write_plan(plan) != text:
        raise BadInput("E_DOCUMENT", "the plan is not written in the usual order")
    return plan


def _step_fields(step: PlannedStep) -> dict[str, str]:
    single = {
        "name": step.name,
        "action": step.action,
        "check": step.check,
        "code": step.code,
        "risk": step.risk,
        "effect": step.effect,
        "undo": step.undo,
        "on-failure": step.on_failure,
    }
    fields = {key: value for key, value in single.items() if value}
    fields |= _numbered("parameter", [f"{name}={value}" for name, value in step.parameters.items()])
    fields |= {f"bound.{name}": str(value) for name, value in step.bounds.items()}
    fields |= _numbered("target", [_target_text(target) for target in step.targets])
    fields |= _numbered("diff", list(step.diff))
    fields |= _numbered("when", [require_text(require) for require in step.when])
    fields |= _numbered("require", [require_text(require) for require in step.require])
    return fields


def _numbered(key: str, values: list[str]) -> dict[str, str]:
    return {f"{key}.{number}": value for number, value in enumerate(values, 1)}


def _read_step(number: str, fields: dict[str, str]) -> PlannedStep:
    def listed(key: str) -> list[str]:
        return [value for name, value in fields.items() if name.startswith(f"{key}.")]

    for key in ("name", "risk", "on-failure"):
        if key not in fields:
            raise BadInput("E_FIELD_MISSING", f"'step.{number}.{key}' is missing")
    return PlannedStep(
        name=fields["name"],
        parameters=_pairs(listed("parameter")),
        action=fields.get("action", ""),
        check=fields.get("check", ""),
        code=fields.get("code", ""),
        risk=fields["risk"],
        effect=fields.get("effect", ""),
        undo=fields.get("undo", ""),
        on_failure=fields["on-failure"],
        targets=tuple(_read_target(value) for value in listed("target")),
        bounds={
            key.removeprefix("bound."): documents.read_integer(value)
            for key, value in fields.items()
            if key.startswith("bound.")
        },
        diff=tuple(listed("diff")),
        require=tuple(_read_require(value) for value in listed("require")),
        when=tuple(_read_require(value) for value in listed("when")),
    )


def _pairs(values: list[str]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for value in values:
        name, separator, content = value.partition("=")
        if not separator:
            raise BadInput("E_DOCUMENT", f"'{value[:40]}' is not 'name=value'")
        if name in pairs:
            raise BadInput("E_FIELD_REPEATED", f"the parameter '{name}' is given twice")
        pairs[name] = content
    return pairs


def _target_text(target: Target) -> str:
    bound = f"at most {target.bytes_max} bytes, " if target.bytes_max else ""
    return f"{target.before} -> {target.after}, inode {target.inode}, {bound}{target.path}"


def _read_target(value: str) -> Target:
    match = _TARGET_TEXT.fullmatch(value)
    if match is None:
        raise BadInput("E_DOCUMENT", f"'{value[:60]}' does not describe a target")
    return Target(
        path=match["path"],
        inode=documents.read_integer(match["inode"]),
        before=match["before"],
        after=match["after"],
        bytes_max=documents.read_integer(match["bytes"] or "0"),
    )


def require_text(require: Require) -> str:
    """`disk_space(folder=app-logs).free_percent >= 20 within 60 s`."""
    parameters = ", ".join(f"{name}={value}" for name, value in require.parameters.items())
    within = f" within {require.within_s} s" if require.within_s else ""
    value = int(require.value) if float(require.value).is_integer() else float(require.value)
    return f"{require.check}({parameters}).{require.figure} {require.comparison} {value}{within}"


def _read_require(value: str) -> Require:
    match = _REQUIRE_TEXT.fullmatch(value)
    try:
        figure = float(match["value"]) if match else math.nan
    except ValueError:
        figure = math.nan
    if match is None or not math.isfinite(figure):
        raise BadInput("E_DOCUMENT", f"'{value[:60]}' does not compare a figure")
    return Require(
        check=match["check"],
        parameters=_pairs(match["parameters"].split(", ")) if match["parameters"] else {},
        figure=match["figure"],
        comparison=match["comparison"],
        value=figure,
        within_s=documents.read_integer(match["within"] or "0"),
    )


def _check(plan: Plan) -> None:
    for value in (plan.id, plan.device_id, plan.organisation_id, plan.run_id, plan.ticket_id or plan.run_id):
        _fit(_ID, value)
    _fit(_NONCE, plan.nonce)
    _fit(_DIGEST, plan.policy_digest)
    _fit(_PLAYBOOK, plan.playbook)
    _fit(re.compile(DEVICE_NAME_PATTERN, re.ASCII), plan.device_name)
    _fit(re.compile(PERSON_NAME_PATTERN, re.ASCII), plan.requester)
    _one_of(RISKS, plan.risk)
    if plan.roster_version_min < 1:
        raise BadInput("E_DOCUMENT", "a plan names the lowest roster version")
    if not timedelta(0) < plan.expires - plan.issued <= timedelta(seconds=PLAN_VALID_S):
        raise BadInput("E_DOCUMENT", f"a plan is valid for at most {PLAN_VALID_S} s")
    if not 1 <= len(plan.steps) <= STEPS_MAX:
        raise BadInput("E_LIMIT", f"a plan has 1 to {STEPS_MAX} steps")
    for step in plan.steps:
        _check_step(step)


def _check_step(step: PlannedStep) -> None:
    if len(step.name) > STEP_NAME_CHARS_MAX:
        raise BadInput("E_LIMIT", f"a step's name has at most {STEP_NAME_CHARS_MAX} characters")
    if bool(step.action) == bool(step.check):
        raise BadInput("E_DOCUMENT", "a step is either an action or a check")
    if step.action:
        _fit(_DIGEST, step.code)
    elif step.targets or step.bounds or step.diff or step.code:
        raise BadInput("E_DOCUMENT", "a check changes nothing")
    _fit(_NAME, step.action or step.check)
    _one_of(RISKS, step.risk)
    _one_of(ON_FAILURE, step.on_failure)
    for name in step.parameters:
        _fit(_NAME, name)
    for name in step.bounds:
        _fit(_BOUND, name)
    _check_targets(step.targets)
    for require in (*step.require, *step.when):
        _check_require(require)


def _check_targets(targets: tuple[Target, ...]) -> None:
    if len(targets) > TARGETS_PER_STEP_MAX:
        raise BadInput("E_LIMIT", f"a step has at most {TARGETS_PER_STEP_MAX} targets")
    for target in targets:
        _fit(_BEFORE, target.before)
        _fit(_AFTER, target.after)
        if not target.path.startswith("/") or target.inode < 0 or target.bytes_max < 0:
            raise BadInput("E_DOCUMENT", "a target has an absolute path, an inode and a bound")


def _check_require(require: Require) -> None:
    _fit(_NAME, require.check)
    _fit(_NAME, require.figure)
    _one_of(COMPARISONS, require.comparison)
    for name, value in require.parameters.items():
        _fit(_NAME, name)
        _fit(_REQUIRE_VALUE, value)
    if not math.isfinite(require.value) or not 0 <= require.within_s <= REQUIRE_WITHIN_S_MAX:
        raise BadInput("E_DOCUMENT", f"a figure is compared with a finite value, within {REQUIRE_WITHIN_S_MAX} s")


def _fit(pattern: re.Pattern[str], value: str) -> None:
    if pattern.fullmatch(value) is None:
        raise BadInput("E_DOCUMENT", f"'{value[:60]}' cannot stand in a plan")


def _one_of(values: tuple[str, ...], value: str) -> None:
    if value not in values:
        raise BadInput("E_DOCUMENT", f"'{value[:40]}' is not one of {', '.join(values)}")
