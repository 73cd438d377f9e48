"""Finds checks: one file each in checks/, registered by its file name. Adding one touches no other file."""

import importlib
import pkgutil
from collections.abc import Mapping
from typing import Protocol, cast

from sereno_diagnostics import checks
from sereno_diagnostics.parameters import Parameter, Values, bind, resolve
from sereno_diagnostics.reading import Reader
from sereno_proto.errors import BadInput
from sereno_proto.limits import CHECK_TIMEOUT_S, FINDINGS_MAX
from sereno_proto.v1.runs_pb2 import CheckResult, Finding


class Check(Protocol):
    """The shape of a module in checks/."""

    TITLE: str
    PARAMETERS: tuple[Parameter, ...]
    FIGURES: Mapping[str, str]  # what playbooks may compare, and what it means
    READS: tuple[str, ...]  # files, reading commands and probes; what the parameters name need not stand here
    SEVERITIES: Mapping[str, str]  # failing, serious, note: when

    def check(self, values: Values, reader: Reader) -> list[Finding]:
        """Reads and judges; the most telling finding first."""


def names() -> tuple[str, ...]:
    """Every registered check."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(checks.__path__)))


def get(name: str) -> Check:
    """The check of that name; raises BadInput with E_CHECK_UNKNOWN."""
    if name not in names():
        raise BadInput("E_CHECK_UNKNOWN", f"no check is called {name[:80]!r}")
    return cast("Check", importlib.import_module(f"{checks.__name__}.{name}"))


def timeout_s(name: str) -> float:
    """Seconds that a check may take; raises E_CHECK_UNKNOWN."""
    return float(vars(get(name)).get("TIMEOUT_S", CHECK_TIMEOUT_S))


def platforms(name: str) -> tuple[str, ...]:
    """Where a check tells something: linux, windows, darwin; raises E_CHECK_UNKNOWN."""
    return tuple(vars(get(name)).get("PLATFORMS", ("linux",)))


def run(name: str, given: Mapping[str, str], reader: Reader) -> CheckResult:
    """Runs a check on names of the policy. Raises E_CHECK_UNKNOWN, E_PARAMETER or E_OUTSIDE_POLICY."""
    check = get(name)
    values = bind(name, check.PARAMETERS, given)
    resolve(check.PARAMETERS, values, reader.allowed)
    reader.declare(check.READS)
    findings = check.check(values, reader)
    for finding in findings:
        finding.check = name
    return CheckResult(findings=findings[:FINDINGS_MAX], truncated=reader.truncated or len(findings) > FINDINGS_MAX)
