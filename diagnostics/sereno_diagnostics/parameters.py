"""Typed parameters of checks and actions: names that the policy resolves, digests, and numbers within bounds."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sereno_diagnostics.allowed import Allowed
from sereno_proto.errors import BadInput, Refused

NAMED = (
    *("folder", "file", "service", "host", "url", "plugin", "certificate", "database", "log"),
    *("process", "package", "mount", "volume", "template"),
)
KINDS = (*NAMED, "digest", "number", "version", "settings")
NAME_PATTERN = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
DIGEST_PATTERN = re.compile(r"sha256:[0-9a-f]{64}")
VERSION_PATTERN = re.compile(r"[0-9][A-Za-z0-9.+:~-]{0,126}")
SETTINGS_PATTERN = re.compile(
    r"[a-z][a-z0-9_]{0,30}=[A-Za-z0-9._-]{1,64}(?:,[a-z][a-z0-9_]{0,30}=[A-Za-z0-9._-]{1,64}){0,15}"
)
NUMBER_PATTERN = re.compile(r"-?[0-9]{1,12}(?:\.[0-9]{1,6})?")

_WRITTEN = {
    "digest": (DIGEST_PATTERN, "sha256: and 64 hex digits"),
    "version": (VERSION_PATTERN, "a package's version"),
    "settings": (SETTINGS_PATTERN, "like workers=4,mode=fast"),
}

Values = dict[str, str | float]


@dataclass(frozen=True)
class Parameter:
    """One parameter.

    kind: those of NAMED are names of the local policy, `digest` is `sha256:HEX`, `number` has bounds, `version` is that
    of a package, `settings` are values for a template: `workers=4,mode=fast`.
    """

    name: str
    kind: str
    summary: str
    default: str | None = None  # None = must be given
    minimum: float = float("-inf")
    maximum: float = float("inf")


def read_value(parameter: Parameter, text: str) -> str | float:
    """The typed value of a parameter's text; raises BadInput with E_PARAMETER."""
    if parameter.kind == "number":
        if not NUMBER_PATTERN.fullmatch(text):
            raise BadInput("E_PARAMETER", f"{parameter.name} must be a number, not {text!r}")
        value = float(text)
        if not parameter.minimum <= value <= parameter.maximum:
            raise BadInput(
                "E_PARAMETER", f"{parameter.name} must lie from {parameter.minimum:g} to {parameter.maximum:g}"
            )
        return value
    pattern, wanted = _WRITTEN.get(parameter.kind, (NAME_PATTERN, "a name from the policy"))
    if not pattern.fullmatch(text):
        raise BadInput("E_PARAMETER", f"{parameter.name} must be {wanted}, not {text[:80]!r}")
    return text


def bind(owner: str, declared: Sequence[Parameter], given: Mapping[str, str]) -> Values:
    """The typed values of what was given; raises BadInput with E_PARAMETER for a missing, unknown or wrong one."""
    known = {parameter.name for parameter in declared}
    for name in given:
        if name not in known:
            raise BadInput("E_PARAMETER", f"{owner} knows no parameter {name[:80]!r}")
    values: Values = {}
    for parameter in declared:
        text = given.get(parameter.name, parameter.default)
        if text is None:
            raise BadInput("E_PARAMETER", f"{owner} needs the parameter {parameter.name}")
        values[parameter.name] = read_value(parameter, text)
    return values


def resolve(declared: Sequence[Parameter], values: Values, allowed: Allowed) -> None:
    """Refuses names that the policy does not hold; raises Refused with E_OUTSIDE_POLICY."""
    for parameter in declared:
        name = values[parameter.name]
        if parameter.kind in NAMED and name not in allowed.of_kind(parameter.kind):
            raise Refused("E_OUTSIDE_POLICY", f"the policy names no {parameter.kind} {name!r}")
