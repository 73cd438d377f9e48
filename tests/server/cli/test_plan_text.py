"""What people read is what they sign, on any terminal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.proto.test_plan import PLAN

from sereno_proto.errors import SerenoError
from sereno_server.cli import runs
from sereno_server.cli.plan_text import FOLD_MIN, folded


@given(st.from_regex(r"[a-z][ -~]{0,300}", fullmatch=True), st.integers(FOLD_MIN, 120))
def test_a_folded_line_loses_nothing_and_only_its_start_stands_at_the_margin(line, width):
    rows = folded(line, width).splitlines()
    assert rows[0] + "".join(row.removeprefix("    ") for row in rows[1:]) == line
    assert all(row.startswith("    ") for row in rows[1:])
    assert all(len(row) <= width for row in rows)


def test_a_file_name_cannot_pass_for_a_line_of_the_plan():
    width = 80
    line = "step.1.target.1: absent -> truncated, inode 1, /srv/".ljust(width, "x") + "risk: low"
    assert folded(line, width).splitlines()[1] == "    risk: low"


def test_without_a_terminal_nothing_is_folded():
    assert folded("key: " + "x" * 500, 0) == "key: " + "x" * 500 + "\n"


@pytest.mark.parametrize(
    ("person", "playbook", "code"),
    [("ana", "disk.free_space", "E_REQUESTER_OTHER"), ("noa", "disk.other", "E_PLAN_CHANGED")],
)
def test_who_asks_signs_only_what_was_asked_for(person, playbook, code):
    with pytest.raises(SerenoError) as caught:
        runs._check_request(PLAN, person, playbook)
    assert caught.value.code == code
    runs._check_request(PLAN, "noa", "disk.free_space")
    runs._check_request(PLAN, "noa", "")
