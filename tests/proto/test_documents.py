"""The grammar: one text for each meaning, and nothing else is read."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sereno_proto import documents
from sereno_proto.documents import BIDI, Kind
from sereno_proto.errors import SerenoError

KIND = Kind("note", 1, ("title",), ("body",), (r"line\.[1-9][0-9]?",))
VALUES = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="".join(BIDI)), min_size=1, max_size=200)
FIELDS = st.builds(
    lambda title, body, lines: (
        {"title": title, "body": body} | {f"line.{number}": line for number, line in enumerate(lines, 1)}
    ),
    VALUES,
    VALUES,
    st.lists(VALUES, max_size=9),
)
EXAMPLE = b"sereno note v1\ntitle: a \\\\ b\nbody: two\\nlines \\u{e9}\n"


def refused(text: bytes, code: str) -> None:
    with pytest.raises(SerenoError) as caught:
        documents.read(text, KIND)
    assert caught.value.code == code


@given(FIELDS)
def test_what_is_written_reads_back_and_writes_the_same_bytes(fields):
    text = documents.write(KIND, fields)
    assert documents.read(text, KIND) == fields
    assert documents.write(KIND, documents.read(text, KIND)) == text
    assert text.isascii()


@given(st.binary(max_size=120))
def test_whatever_reads_is_the_only_way_of_writing_it(tail):
    text = b"sereno note v1\ntitle: " + tail
    try:
        fields = documents.read(text, KIND)
    except SerenoError:
        return
    assert documents.write(KIND, fields) == text


@given(FIELDS, st.data())
def test_any_changed_byte_reads_as_something_else_or_not_at_all(fields, data):
    text = bytearray(documents.write(KIND, fields))
    position = data.draw(st.integers(0, len(text) - 1))
    text[position] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(SerenoError):
        assert documents.read(bytes(text), KIND) != fields


def test_an_example_reads_as_people_read_it():
    assert documents.read(EXAMPLE, KIND) == {"title": "a \\ b", "body": "two\nlines é"}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (b"", "E_DOCUMENT"),
        (b"sereno note v1", "E_DOCUMENT"),
        (b"sereno note v1\ntitle: a", "E_DOCUMENT"),
        (b"sereno note v1\r\ntitle: a\r\n", "E_DOCUMENT"),
        (b"sereno note v1\ntitle: \xc3\xa9\n", "E_DOCUMENT"),
        (b"sereno note v1\ntitle: \xe2\x80\xae\n", "E_DOCUMENT"),
        (b"sereno note v1\ntitle: a\tb\n", "E_DOCUMENT"),
        (b"sereno note v1\ntitle: a\x00\n", "E_DOCUMENT"),
        (b"\nsereno note v1\ntitle: a\n", "E_DOCUMENT_KIND"),
        (b" sereno note v1\ntitle: a\n", "E_DOCUMENT_KIND"),
        (b"sereno note v2\ntitle: a\n", "E_DOCUMENT_KIND"),
        (b"sereno plan v1\ntitle: a\n", "E_DOCUMENT_KIND"),
        (b"sereno note v1\ntitle: a\n\n", "E_DOCUMENT"),
        (b"sereno note v1\ntitle:a\n", "E_DOCUMENT"),
        (b"sereno note v1\ntitle:\n", "E_DOCUMENT"),
        (b"sereno note v1\ntitle: \n", "E_DOCUMENT"),
        (b"sereno note v1\ntitle: a \n", "E_DOCUMENT"),
        (b"sereno note v1\n title: a\n", "E_DOCUMENT"),
        (b"sereno note v1\nTitle: a\n", "E_DOCUMENT"),
        (b"sereno note v1\ntitle: a\\x\n", "E_DOCUMENT"),
        (b"sereno note v1\ntitle: a\\u{E9}\n", "E_DOCUMENT"),
        (b"sereno note v1\ntitle: a\\u{0e9}\n", "E_DOCUMENT"),
        (b"sereno note v1\ntitle: a\\u{61}\n", "E_DOCUMENT"),
        (b"sereno note v1\ntitle: a\\u{110000}\n", "E_DOCUMENT"),
        (b"sereno note v1\ntitle: a\\u{202e}b\n", "E_DOCUMENT"),
        (b"sereno note v1\ntitle: a\\u{d800}b\n", "E_DOCUMENT"),
        (b"sereno note v1\ntitle: a\ntitle: b\n", "E_FIELD_REPEATED"),
        (b"sereno note v1\ntitle: a\nline.1: b\nline.1: b\n", "E_FIELD_REPEATED"),
        (b"sereno note v1\ntitle: a\nother: b\n", "E_FIELD_UNKNOWN"),
        (b"sereno note v1\ntitle: a\nline.0: b\n", "E_FIELD_UNKNOWN"),
        (b"sereno note v1\nbody: a\n", "E_FIELD_MISSING"),
        (b"sereno note v1\ntitle: " + b"a" * 4097 + b"\n", "E_LIMIT"),
        (b"sereno note v1\ntitle: a\n" * 20000, "E_LIMIT"),
    ],
)
def test_a_text_outside_the_grammar_is_refused(text, code):
    refused(text, code)


@pytest.mark.parametrize("value", ["", "\ud800", *sorted(BIDI)])
def test_what_cannot_be_read_is_not_written(value):
    with pytest.raises(SerenoError):
        documents.write(KIND, {"title": value})


@pytest.mark.parametrize("value", ["2026-02-30T00:00:00Z", "2026-01-01 00:00:00Z", "2026-01-01T00:00:00", "x", "²"])
def test_a_time_that_is_none_is_refused(value):
    with pytest.raises(SerenoError):
        documents.read_time(value)


@pytest.mark.parametrize("value", ["", "-1", "+1", "01", "1_0", " 1", "1.0", "٣", "9" * 19])
def test_a_number_that_is_none_is_refused(value):
    with pytest.raises(SerenoError):
        documents.read_integer(value)
