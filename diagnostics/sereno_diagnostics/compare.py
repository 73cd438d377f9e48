"""Compares a figure of a check's findings: the only expression that playbooks and plans know."""

import math
import operator
from collections.abc import Callable, Iterable

from sereno_proto.v1.runs_pb2 import Finding

COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}


def figure_of(findings: Iterable[Finding], figure: str) -> float | None:
    """The figure of the first finding that has it; None when none has."""
    return next((finding.figures[figure] for finding in findings if figure in finding.figures), None)


def holds(findings: Iterable[Finding], figure: str, comparison: str, value: float) -> bool:
    """Whether the figure is there, finite, and compares so. What is not known does not hold."""
    found = figure_of(findings, figure)
    return found is not None and math.isfinite(found) and COMPARISONS[comparison](found, value)
