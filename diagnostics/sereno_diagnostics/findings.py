"""Findings: one sentence with its figure, advice, evidence, and typed figures that playbooks may compare."""

from collections.abc import Mapping, Sequence

from sereno_proto.limits import FINDING_EVIDENCE_MAX, TEXT_CHARS_MAX
from sereno_proto.v1.runs_pb2 import Evidence, Finding, Severity

FINE = Severity.SEVERITY_FINE
NOTE = Severity.SEVERITY_NOTE
SERIOUS = Severity.SEVERITY_SERIOUS
FAILING = Severity.SEVERITY_FAILING

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")
_STEP = 1000


def finding(
    severity: Severity.ValueType,
    title: str,
    *,
    advice: str = "",
    evidence: Sequence[tuple[str, str]] = (),
    figures: Mapping[str, float] | None = None,
) -> Finding:
    """A finding whose texts are printable and bounded; the runner writes the check's name in."""
    return Finding(
        severity=severity,
        title=printable(title),
        advice=printable(advice),
        evidence=[Evidence(key=printable(key), value=printable(value)) for key, value in evidence][
            :FINDING_EVIDENCE_MAX
        ],
        figures={} if figures is None else dict(figures),
    )


def graded(value: float, levels: Sequence[tuple[float, Severity.ValueType]]) -> Severity.ValueType:
    """The severity of the first level that the value reaches; the levels stand highest first."""
    return next((severity for level, severity in levels if value >= level), FINE)


def untold(what: str, why: str) -> list[Finding]:
    """One note that something cannot be told here, and why: that is not the same as all being well."""
    return [finding(NOTE, f"{what} cannot be told", evidence=[("why", why)])]


def printable(text: str) -> str:
    """The text with control, bidi and undecodable signs written out, so that no file name can pose as anything else."""
    safe = "".join(
        sign if sign.isprintable() else sign.encode("unicode_escape").decode("ascii") for sign in text[:TEXT_CHARS_MAX]
    )
    return safe[:TEXT_CHARS_MAX]


def bytes_text(count: float) -> str:
    """49200000 as '49.2 MB'."""
    unit = 0
    while abs(count) >= _STEP and unit < len(_UNITS) - 1:
        count /= _STEP
        unit += 1
    return f"{count:.0f} {_UNITS[unit]}" if unit == 0 else f"{count:.1f} {_UNITS[unit]}"


def counted(count: int, noun: str) -> str:
    """1 and 'log' as '1 log', 2 as '2 logs'."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def ago(seconds: float) -> str:
    """90 as '2 min ago'."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit} ago"
    return f"{max(seconds, 0):.0f} s ago"
