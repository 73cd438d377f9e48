"""What a ledger row's digests cover."""

from datetime import UTC, datetime

import pytest

from sereno_server.audit.chain import digest_row
from sereno_server.audit.ledger import digest_of, plain

ROW = {
    "previous": "sha256:00",
    "position": 1,
    "organisation_id": "org_a",
    "id": "led_1",
    "at": datetime(2026, 11, 21, 3, 12, tzinfo=UTC),
    "actor": "noa",
    "verb": "run.sign",
    "object": "run_1",
    "payload_digest": "sha256:11",
}


@pytest.mark.parametrize("field", sorted(ROW))
def test_every_field_counts(field: str) -> None:
    value = ROW[field]
    other = value + 1 if isinstance(value, int) else datetime(2026, 1, 1, tzinfo=UTC) if field == "at" else f"{value}x"
    assert digest_row(**{**ROW, field: other}) != digest_row(**ROW)


def test_words_cannot_move_from_one_field_to_the_next() -> None:
    assert digest_row(**{**ROW, "actor": "a,b", "verb": "c"}) != digest_row(**{**ROW, "actor": "a", "verb": "b,c"})


def test_payloads_become_what_the_database_gives_back() -> None:
    assert plain({"a": 0.1, "b": 1e300, "c": "x\0y\ud800", "d": (1, None, True)}) == {
        "a": "0.1",
        "b": "1e+300",
        "c": "x\N{REPLACEMENT CHARACTER}y?",
        "d": [1, None, True],
    }
    assert digest_of({"a": 1, "b": 2}) == digest_of({"b": 2, "a": 1})
