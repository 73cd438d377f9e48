"""Bytes become records wherever reading stopped, and what is not whole yet waits."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sereno_agent.logs.records import LINE_BYTES_MAX, Cut, Shape, cut

LINES = Shape()
DATED = Shape(begins=re.compile(r"^\d{4}-"))


@pytest.mark.parametrize(
    ("data", "shape", "how", "expected"),
    [
        (b"a\nb\nrest", LINES, {}, Cut([b"a", b"b"], 4, False)),
        (b"a\nb\nrest", LINES, {"final": True}, Cut([b"a", b"b", b"rest"], 8, False)),
        (b"", LINES, {"final": True}, Cut([], 0, False)),
        (b"rest of it\nb\n", LINES, {"skipping": True}, Cut([b"b"], 13, False)),
        (b"no end", LINES, {"skipping": True}, Cut([], 6, True)),
        (b"a\nb\nc\n", LINES, {"records_max": 2}, Cut([b"a", b"b"], 4, False)),
        (b"2026-1\n  at x\n2026-2\n", DATED, {}, Cut([b"2026-1\n  at x"], 14, False)),
        (b"2026-1\n  at x\n2026-2\n", DATED, {"settled": True}, Cut([b"2026-1\n  at x", b"2026-2"], 21, False)),
        (b"2026-1\n  at x\n", DATED, {}, Cut([], 0, False)),
        (b"  of an earlier\n2026-2\n2026-3\n", DATED, {}, Cut([b"  of an earlier", b"2026-2"], 23, False)),
        ("å\nb\n".encode("utf-16-le"), Shape("utf-16-le"), {}, Cut(["å".encode("utf-16-le"), b"b\0"], 8, False)),
        ("\u0a00\nb\n".encode("utf-16-le"), Shape("utf-16-le"), {}, Cut([b"\x00\x0a", b"b\0"], 8, False)),
        ("a\n".encode("utf-16-be")[:-1], Shape("utf-16-be"), {}, Cut([], 0, False)),
    ],
)
def test_what_is_whole_is_taken(data, shape, how, expected):
    assert cut(data, shape, **{"records_max": 100, **how}) == expected


def test_of_a_line_without_end_the_beginning_is_taken_and_the_rest_skipped():
    found = cut(b"x" * 50_000, LINES, records_max=9)
    assert found == Cut([b"x" * LINE_BYTES_MAX], 50_000, True)
    assert cut(b"x" * 50_000 + b"\nb\n", LINES, records_max=9, skipping=True) == Cut([b"b"], 50_003, False)


@given(st.lists(st.sampled_from(["a", "bb", "", "2026-x", " at y", "é\u0a00"]), max_size=12), st.data())
def test_cut_anywhere_every_line_comes_once(lines, data):
    codec = data.draw(st.sampled_from(["utf-8", "utf-16-le", "utf-16-be"]))
    shape = Shape(codec, data.draw(st.sampled_from([None, re.compile("^2026")])))
    content = "".join(line + "\n" for line in lines).encode(codec)
    got, position, skipping = [], 0, False
    while position < len(content):
        end = data.draw(st.integers(position, len(content)))
        found = cut(content[position:end], shape, skipping=skipping, records_max=data.draw(st.integers(1, 9)))
        if not found.consumed:
            whole = end == len(content)
            found = cut(content[position:], shape, skipping=skipping, settled=whole, records_max=9)
        got += [line for record in found.records for line in record.decode(codec).split("\n")]
        position, skipping = position + found.consumed, found.skipping
    assert got == lines
