"""One step of a signed document after its dry run: what it touches, in which state, and what must hold afterwards."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from sereno_proto import documents
from sereno_proto.errors import BadInput
from sereno_proto.limits import (
    REQUIRE_WITHIN_S_MAX,
    STEP_NAME_CHARS_MAX,
    SUBJECTS_PER_STEP_MAX,
    TARGETS_PER_STEP_MAX,
)

RISKS = ("low", "medium", "high")
COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")
ON_FAILURE = ("undo", "stop", "continue")
CANNOT_BE_UNDONE = "cannot be undone"  # how the undo of a step begins that has none; pages say so
SUBJECT_KINDS: Final = (
    *("service", "package", "process", "mount", "volume", "cache", "clock", "certificate", "machine"),
)

_STEP: Final = r"step\.[1-9][0-9]?"
_LIST: Final = r"(parameter|target|subject|diff|require|when)\.[1-9][0-9]{0,3}"
KEYS: Final = (  # patterns of the keys of steps, for the kinds of document that hold them
    rf"{_STEP}\.(name|action|check|code|risk|effect|undo|on-failure)",
    rf"{_STEP}\.{_LIST}",
    rf"{_STEP}\.bound\.[a-z][a-z0-9-]{{0,40}}",
)

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,62}", re.ASCII)
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)
_BEFORE: Final = re.compile(r"sha256:[0-9a-f]{64}|stat:[0-9]{1,18}:[0-9]{1,20}|absent|growing", re.ASCII)
_AFTER: Final = re.compile(r"sha256:[0-9a-f]{64}|absent|truncated|archive", re.ASCII)
_BOUND: Final = re.compile(r"[a-z][a-z0-9-]{0,40}", re.ASCII)
_REQUIRE_VALUE: Final = re.compile(r"[A-Za-z0-9._:/@+-]{1,255}", re.ASCII)
_TARGET_TEXT: Final = re.compile(
    r"(?P<before>[^ ]+) -> (?P<after>[^ ]+), inode (?P<inode>[0-9]+), "
    r"(at most (?P<bytes>[0-9]+) bytes, )?(?P<path>/.*)",
    re.DOTALL,
)
_SUBJECT_NAME: Final = re.compile(r"[A-Za-z0-9._:@+~/=\\-]{1,255}", re.ASCII)
_SUBJECT_STATE: Final = re.compile(r"[A-Za-z0-9._:@+~/=,%-]{1,255}", re.ASCII)
_SUBJECT_TEXT: Final = re.compile(r"(?P<kind>[a-z]+) (?P<name>[^ ]+): (?P<before>[^ ]+) -> (?P<after>[^ ]+)", re.ASCII)
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
class Subject:
    """One thing that is no file, and that a step brings from one state to another: a service, a package, a process.

    A subject is found again by kind and name at the moment of the change, and `before` must still be its state:
    `service nginx.service: failed -> active`, `package openssl: 3.0.11-1 -> 3.0.15-1`. A process is named by its id and
    the moment of its start, so that another one of the same id is another subject.
    """

    kind: str
    name: str
    before: str
    after: str


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
    subjects: tuple[Subject, ...] = ()
    bounds: dict[str, int] = field(default_factory=dict)  # {"bytes-removed-max": 52428800, "files-max": 14}
    diff: tuple[str, ...] = ()  # lines of a unified diff, where a text file changes
    require: tuple[Require, ...] = ()
    when: tuple[Require, ...] = ()


def highest(risks: tuple[str, ...]) -> str:
    """The highest of the risks; without any, the lowest there is."""
    return max(risks, key=RISKS.index, default=RISKS[0])


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
    fields |= _numbered("subject", [subject_text(subject) for subject in step.subjects])
    fields |= _numbered("diff", list(step.diff))
    fields |= _numbered("when", [require_text(require) for require in step.when])
    fields |= _numbered("require", [require_text(require) for require in step.require])
    return fields


def _numbered(key: str, values: list[str]) -> dict[str, str]:
    return {f"{key}.{number}": value for number, value in enumerate(values, 1)}


def read_steps(fields: Mapping[str, str]) -> tuple[PlannedStep, ...]:
    """The steps of a document, of all its fields."""
    steps: dict[str, dict[str, str]] = {}
    for key, value in fields.items():
        if key.startswith("step."):
            _, number, part = key.split(".", 2)
            steps.setdefault(number, {})[part] = value
    return tuple(_read_step(number, step) for number, step in steps.items())


def steps_fields(steps: Sequence[PlannedStep]) -> dict[str, str]:
    """The lines of all steps."""
    return {
        f"step.{number}.{key}": value
        for number, step in enumerate(steps, 1)
        for key, value in _step_fields(step).items()
    }


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
        subjects=tuple(_read_subject(value) for value in listed("subject")),
        bounds={
            key.removeprefix("bound."): documents.read_integer(value)
            for key, value in fields.items()
            if key.startswith("bound.")
        },
        diff=tuple(listed("diff")),
        require=tuple(read_require(value) for value in listed("require")),
        when=tuple(read_require(value) for value in listed("when")),
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


def subject_text(subject: Subject) -> str:
    """`service nginx.service: failed -> active`."""
    return f"{subject.kind} {subject.name}: {subject.before} -> {subject.after}"


def _read_subject(value: str) -> Subject:
    match = _SUBJECT_TEXT.fullmatch(value)
    if match is None:
        raise BadInput("E_DOCUMENT", f"'{value[:60]}' does not describe a subject")
    return Subject(**match.groupdict())


def require_text(require: Require) -> str:
    """`disk_space(folder=app-logs).free_percent >= 20 within 60 s`."""
    parameters = ", ".join(f"{name}={value}" for name, value in require.parameters.items())
    within = f" within {require.within_s} s" if require.within_s else ""
    value = int(require.value) if float(require.value).is_integer() else float(require.value)
    return f"{require.check}({parameters}).{require.figure} {require.comparison} {value}{within}"


def read_require(value: str) -> Require:
    """Reads what `require_text` wrote; raises E_DOCUMENT."""
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


def check_step(step: PlannedStep) -> None:
    """Raises BadInput when a step makes no sense or does not fit."""
    if len(step.name) > STEP_NAME_CHARS_MAX:
        raise BadInput("E_LIMIT", f"a step's name has at most {STEP_NAME_CHARS_MAX} characters")
    if bool(step.action) == bool(step.check):
        raise BadInput("E_DOCUMENT", "a step is either an action or a check")
    if step.action:
        fit(_DIGEST, step.code)
    elif step.targets or step.subjects or step.bounds or step.diff or step.code:
        raise BadInput("E_DOCUMENT", "a check changes nothing")
    fit(_NAME, step.action or step.check)
    one_of(RISKS, step.risk)
    one_of(ON_FAILURE, step.on_failure)
    for name in step.parameters:
        fit(_NAME, name)
    for name in step.bounds:
        fit(_BOUND, name)
    _check_targets(step.targets)
    _check_subjects(step.subjects)
    for require in (*step.require, *step.when):
        check_require(require)


def _check_targets(targets: tuple[Target, ...]) -> None:
    if len(targets) > TARGETS_PER_STEP_MAX:
        raise BadInput("E_LIMIT", f"a step has at most {TARGETS_PER_STEP_MAX} targets")
    for target in targets:
        fit(_BEFORE, target.before)
        fit(_AFTER, target.after)
        if not target.path.startswith("/") or target.inode < 0 or target.bytes_max < 0:
            raise BadInput("E_DOCUMENT", "a target has an absolute path, an inode and a bound")


def _check_subjects(subjects: tuple[Subject, ...]) -> None:
    if len(subjects) > SUBJECTS_PER_STEP_MAX:
        raise BadInput("E_LIMIT", f"a step has at most {SUBJECTS_PER_STEP_MAX} subjects")
    for subject in subjects:
        one_of(SUBJECT_KINDS, subject.kind)
        fit(_SUBJECT_NAME, subject.name)
        fit(_SUBJECT_STATE, subject.before)
        fit(_SUBJECT_STATE, subject.after)


def check_require(require: Require) -> None:
    """Raises E_DOCUMENT when a comparison makes no sense."""
    fit(_NAME, require.check)
    fit(_NAME, require.figure)
    one_of(COMPARISONS, require.comparison)
    for name, value in require.parameters.items():
        fit(_NAME, name)
        fit(_REQUIRE_VALUE, value)
    if not math.isfinite(require.value) or not 0 <= require.within_s <= REQUIRE_WITHIN_S_MAX:
        raise BadInput("E_DOCUMENT", f"a figure is compared with a finite value, within {REQUIRE_WITHIN_S_MAX} s")


def fit(pattern: re.Pattern[str], value: str) -> None:
    """Raises E_DOCUMENT unless the whole value is of the pattern."""
    if pattern.fullmatch(value) is None:
        raise BadInput("E_DOCUMENT", f"'{value[:60]}' cannot stand in a plan")


def one_of(values: tuple[str, ...], value: str) -> None:
    """Raises E_DOCUMENT unless the value is one of these."""
    if value not in values:
        raise BadInput("E_DOCUMENT", f"'{value[:40]}' is not one of {', '.join(values)}")
