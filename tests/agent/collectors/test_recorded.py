"""Every recorded machine gives what its expected.txt says (see recorded.py)."""

import re

import pytest
from tests.agent.collectors import document, recorded


@pytest.mark.parametrize("name", recorded.hosts())
def test_a_recorded_machine_gives_what_is_expected(name):
    assert recorded.found(name) == (recorded.HOSTS / name / "expected.txt").read_text()


def test_a_machine_without_any_facility_gives_nothing_and_no_complaint(tmp_path):
    machine = recorded.Recorded("nothing", tmp_path)
    for collector, module in recorded.linux_names().items():
        reading = machine.read(collector, module)
        assert reading.samples == [], collector
        assert list(reading.notices) == [], collector


@pytest.mark.parametrize("name", recorded.hosts())
def test_each_recorded_machine_says_where_it_comes_from(name, tmp_path):
    said = recorded.Recorded(name, tmp_path).about["provenance"]
    assert re.match(r"recorded: |written from documentation: |nothing at all: ", said), said


def test_the_page_of_the_collectors_is_current():
    assert document.PAGE.read_text() == document.page(), "run: python -m tests.agent.collectors.document"
