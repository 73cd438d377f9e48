"""The disk drill with real processes, from a filling folder to a closed ticket."""

import json

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

STAGES = ["joined", "forecast", "ticket", "checks", "proposed", "approved", "applied", "verified", "resolved"]


def test_every_stage_comes_true_within_four_minutes(demo):
    output, errors = demo.start("--drill", "disk", "--exit").communicate(timeout=380)
    assert demo.process.returncode == 0, errors + output
    last = json.loads(output.splitlines()[-1])
    assert last["ok"] is True
    assert sorted(last["stages"], key=last["stages"].get) == STAGES
    assert last["stages"]["resolved"] <= 240
    assert demo.left_behind() == []
