"""Every case file tests/diagnostics/CHECK/CASE.json: a folder as it was, and the findings that it must give."""

import json
from pathlib import Path

import pytest

from sereno_diagnostics import registry
from sereno_diagnostics.reading import PROBES
from sereno_diagnostics.reading_commands import COMMANDS
from sereno_proto.limits import WORKER_TIMEOUT_S
from sereno_proto.v1.runs_pb2 import Severity

CASES = sorted(Path(__file__).parent.glob("*/*.json"))


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_case_gives_its_findings(path, place):
    case = json.loads(path.read_text())
    result = registry.run(path.parent.name, case["parameters"], place(case).reader())
    found = found_in(result)
    assert found == case["findings"]
    assert result.truncated == case.get("truncated", False)
    for finding in result.findings:
        evidence = {row.key: row.value for row in finding.evidence}
        for key, value in case.get("evidence", {}).items():
            assert evidence[key] == value


def found_in(result):
    """What a case says of findings: everything but evidence, of which it names what matters."""
    return [
        {
            "severity": Severity.Name(finding.severity).removeprefix("SEVERITY_").lower(),
            "title": finding.title,
            "figures": {key: round(value, 3) for key, value in sorted(finding.figures.items()) if key not in VOLATILE},
        }
        for finding in result.findings
    ]


VOLATILE = {"filesystem_free_percent"}


def test_every_check_has_cases_and_documents_its_figures():
    assert {path.parent.name for path in CASES} == set(registry.names())
    for name in registry.names():
        check = registry.get(name)
        assert check.TITLE
        assert check.FIGURES
        assert check.__doc__
        assert set(check.SEVERITIES) <= {"failing", "serious", "note"}
        assert registry.timeout_s(name) < WORKER_TIMEOUT_S
        assert all(entry.startswith("/") or entry in COMMANDS or entry in PROBES for entry in check.READS)


def test_every_case_says_where_it_comes_from():
    for path in CASES:
        assert json.loads(path.read_text()).get("provenance", "").startswith(("recorded", "written")), path
