"""The device's own ledger: appended durably, its chain breaks when anything in it changes."""

import itertools
import json

import pytest

from sereno_agent import ledger
from sereno_proto.errors import SerenoError


@pytest.fixture
def path(tmp_path):
    book = ledger.Ledger(tmp_path / "ledger.jsonl", lambda: 1_000)
    for number in range(5):
        book.append("plan.issued", f"pln_{number}", what="é\n", detail={"by": "noa"})
    return tmp_path / "ledger.jsonl"


def test_rows_are_chained_from_the_first(path):
    rows = list(ledger.rows(path))
    assert [row.number for row in rows] == [1, 2, 3, 4, 5]
    assert rows[0].previous == ledger.GENESIS
    assert all(after.previous == before.digest for before, after in itertools.pairwise(rows))
    assert ledger.head(path) == ledger.verify(path) == ledger.Head(5, rows[-1].digest)


def test_no_ledger_is_an_empty_one(tmp_path):
    assert ledger.head(tmp_path / "none") == ledger.verify(tmp_path / "none") == ledger.Head()


def test_a_torn_last_line_is_cut_off_by_the_next_append(path):
    with path.open("ab") as file:
        file.write(b'{"number": 6, "at')
    assert ledger.verify(path).length == 5
    row = ledger.Ledger(path, lambda: 2_000).append("run.started", "run_1")
    assert row.number == 6
    assert ledger.verify(path) == ledger.Head(6, row.digest)


@pytest.mark.parametrize("attack", ["edit", "remove", "swap", "insert", "renumber", "garbage", "resealed"])
def test_any_tampering_breaks_the_chain(path, attack):
    lines = path.read_bytes().splitlines(keepends=True)
    if attack == "edit":
        lines[2] = lines[2].replace(b"noa", b"eve")
    elif attack == "remove":
        del lines[2]
    elif attack == "swap":
        lines[1], lines[2] = lines[2], lines[1]
    elif attack == "insert":
        lines.insert(2, lines[2])
    elif attack == "renumber":
        lines[2] = lines[2].replace(b'"number":3', b'"number":4')
    elif attack == "garbage":
        lines[2] = b"{}\n"
    else:  # a row with a right digest of its own, but another content than its successor names
        record = json.loads(lines[2]) | {"object": "pln_x"}
        record = record | {"digest": ledger._sealed(ledger.Row(**record)).digest}
        lines[2] = json.dumps(record).encode() + b"\n"
    path.write_bytes(b"".join(lines))
    with pytest.raises(SerenoError) as caught:
        ledger.verify(path)
    assert caught.value.code == "E_LEDGER_BROKEN"


def test_a_huge_text_is_shortened_to_what_a_row_holds(tmp_path):
    row = ledger.Ledger(tmp_path / "l", lambda: 1).append("x", "\U0001f600" * 9999, what="\U0001f600" * 99999)
    assert ledger.verify(tmp_path / "l").digest == row.digest
