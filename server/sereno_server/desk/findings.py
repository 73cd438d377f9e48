"""Findings of checks as rows."""

import math
from collections.abc import Iterable
from datetime import datetime

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_proto import limits
from sereno_proto.ids import digest_id
from sereno_proto.v1.runs_pb2 import Finding, Severity
from sereno_server.audit.ledger import words
from sereno_server.store.tables import findings


async def keep_findings(
    tx: AsyncConnection,
    organisation_id: str,
    device_id: str,
    found: Iterable[Finding],
    *,
    at: datetime,
    key: str,
    ticket_id: str | None,
    run_id: str | None = None,
    duration_ms: float | None = None,
) -> None:
    """Writes findings. key: what makes them the same findings on a second attempt, so that they are kept once."""
    rows = [
        {
            "organisation_id": organisation_id,
            "id": digest_id("fnd", f"{key}\n{index}".encode()),
            "device_id": device_id,
            "ticket_id": ticket_id,
            "run_id": run_id,
            "check": _line(finding.check),
            "severity": severity_of(finding),
            "title": _line(finding.title),
            "advice": _line(finding.advice),
            "evidence": [[_line(entry.key), _line(entry.value)] for entry in finding.evidence],
            "figures": {_line(name): figure for name, figure in finding.figures.items() if math.isfinite(figure)},
            "duration_ms": duration_ms if duration_ms is not None and math.isfinite(duration_ms) else None,
            "at": at,
        }
        for index, finding in enumerate(found)
        if index < limits.FINDINGS_MAX
    ]
    if rows:
        await tx.execute(insert(findings).on_conflict_do_nothing(), rows)


def severity_of(finding: Finding) -> str:
    """`serious`; what this server does not know is a note."""
    known = finding.severity in Severity.values() and finding.severity != Severity.SEVERITY_UNSPECIFIED
    return Severity.Name(finding.severity).removeprefix("SEVERITY_").lower() if known else "note"


def _line(text: str) -> str:
    return words(text)[: limits.TEXT_CHARS_MAX]
