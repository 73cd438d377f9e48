"""Every recorded machine gives what its expected.txt says (see recorded.py)."""

import pytest
from tests.agent.collectors import recorded


@pytest.mark.parametrize("name", recorded.hosts())
def test_a_recorded_machine_gives_what_is_expected(name):
    assert recorded.found(name) == (recorded.HOSTS / name / "expected.txt").read_text()


def test_a_machine_without_any_facility_gives_nothing_and_no_complaint(tmp_path):
    machine = recorded.Recorded("nothing", tmp_path)
    for collector, module in recorded.linux_names().items():
        reading = machine.read(collector, module)
        assert reading.samples == [], collector
        assert list(reading.notices) == [], collector
