"""A short run of the fuzzer over everything it knows, and every input that was a finding once."""

import pytest
from tests.fuzz.run import CORPUS, TARGETS, Found, attempt, cases, fuzz

SECONDS = 0.4  # each, of some 22; `make fuzz` takes five minutes each


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_what_is_honest_is_taken_and_what_was_found_once_stays_mended(name):
    found = Found(name)
    for data in TARGETS[name].seeds():
        assert attempt(TARGETS[name], data, found) == "taken"
    for data in cases(name):
        attempt(TARGETS[name], data, found)
    assert found.findings == {}


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(TARGETS))
def test_no_crash_and_no_accept(name):
    found = fuzz(TARGETS[name], SECONDS, seed=2026)
    assert found.findings == {}
    assert found.tried > 0


def test_every_kept_case_belongs_to_a_target():
    assert not CORPUS.exists() or {path.name for path in CORPUS.iterdir()} <= set(TARGETS)
