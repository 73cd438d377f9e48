"""The page's reading of documents beside Python's: the same texts are taken, the same refused with the same code."""

import base64
import json
import random
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.proto.test_grants import GRANT, LASTING, TRIGGER
from tests.proto.test_plan import NOW, PLAN, actions, checks, requires

from sereno_proto import denial, documents, passkey_statement
from sereno_proto.documents import Kind
from sereno_proto.errors import SerenoError
from sereno_proto.grants import GrantedDevice, read_grant, write_grant
from sereno_proto.plan import KIND, read_plan, write_plan
from sereno_proto.planned_step import Require
from sereno_server.approve_site import build

pytestmark = [pytest.mark.browser, pytest.mark.slow]

NOTE = Kind("note", 1, ("title",), ("body",), (r"line\.[1-9][0-9]?",))
ESCAPES = ("202e", "2066", "200f", "61c", "e9", "E9", "0e9", "1f600", "61", "dc00", "110000", "10ffff", "0", "1b")
FRAGMENTS = [
    *(b"\\u{%s}" % escape.encode() for escape in ESCAPES),
    *(b"\\u{d83d}\\u{de00}", b"\\x", b"\\", b"\\n", b"\xe2\x80\xae", b"\xc3\xa9", b"\x00", b"\r", b"\t", b"\x1b[2J"),
    *(b" ", b"  ", b": ", b":", b"\n", b"\n\n", b"0", b"1e5", b"-0", b"9" * 18, b"9" * 19, b"\x7f", b"~", b"=", b"/"),
    *(b"ticket: tkt_x\n", b"requester: server\n", b"step.2.name: x\n", b"seen-on-device: yes\n"),
    *(b"2026-02-30T00:00:00Z", b"0000-01-01T00:00:00Z", b"2026-11-21T24:00:00Z", b"2026-11-21T23:59:60Z"),
]
TRICKY = (
    0.0,
    -0.0,
    1.0,
    0.5,
    -2.25,
    1e-5,
    1.5e-7,
    1e-10,
    123456.789,
    1e15,
    1e16,
    1e21,
    1.7e308,
    0.0001,
    0.00012,
    5e-324,
)


def valid() -> list[bytes]:
    """Plans and grants of every shape, the same ones each time."""
    texts: list[bytes] = []

    @settings(max_examples=60, derandomize=True, database=None)
    @given(st.lists(actions | checks, min_size=1, max_size=3), st.lists(requires, min_size=1, max_size=2))
    def make(steps, triggers):
        texts.append(write_plan(replace(PLAN, steps=tuple(steps))))
        now = tuple(replace(trigger, within_s=0) for trigger in triggers)
        texts.append(write_grant(replace(LASTING, triggers=now, ticket_id="tkt_1")))

    make()
    texts += [write_grant(GRANT), write_grant(replace(GRANT, devices=(GrantedDevice("dev_z", "a"),)))]
    texts += [write_grant(replace(LASTING, triggers=(replace(TRIGGER, value=value),))) for value in TRICKY]
    texts += [write_plan(replace(PLAN, expires=NOW + timedelta(seconds=1), ticket_id=""))]
    assert Require  # the strategies build them
    return texts


def bent(texts: list[bytes], count: int) -> list[bytes]:
    """Copies with a byte, a line or a fragment changed, as an attacker or an accident would."""
    chance = random.Random(8)
    made = []
    for _ in range(count):
        text = bytearray(chance.choice(texts))
        place = chance.randrange(len(text))
        match chance.randrange(6):
            case 0:
                text[place] ^= 1 << chance.randrange(8)
            case 1:
                del text[place : place + chance.randrange(1, 4)]
            case 2 | 3:
                text[place:place] = chance.choice(FRAGMENTS)
            case _:
                lines = bytes(text).splitlines(keepends=True)
                first, second = chance.randrange(len(lines)), chance.randrange(len(lines))
                if chance.random() < 0.4:
                    lines.insert(first, lines[second])
                elif chance.random() < 0.5:
                    del lines[first]
                else:
                    lines[first], lines[second] = lines[second], lines[first]
                text = bytearray(b"".join(lines))
        made.append(bytes(text))
    return [
        *made,
        b"",
        b"\n",
        b"sereno plan v1\n",
        b"sereno plan v1",
        b"x" * (1 << 18) + b"\n",
        b"sereno plan v1\n" + b"\n" * 5000,
    ]


def judged(text: bytes) -> str:
    """What Python says: ok, or the code."""
    try:
        (read_plan if documents.kind_of(text) == KIND.first_line else read_grant)(text)
    except SerenoError as error:
        return error.code
    return "ok"


@pytest.fixture(scope="module")
def page(browser):
    opened = browser.new_page()
    opened.add_script_tag(content=build.script(without=("page",)))
    yield opened
    opened.close()


def ask(page, script: str, texts: list[bytes], *given: object) -> list[str]:
    encoded = [base64.b64encode(text).decode() for text in texts]
    return page.evaluate(
        """([texts, given]) => texts.map((text) => {
            const bytes = Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
            try { return String((SCRIPT)(bytes, ...given)); } catch (error) {
              if (!(error instanceof Refused)) throw error;
              return error.code;
            } })""".replace("SCRIPT", script),
        [encoded, list(given)],
    )


def test_plans_and_grants_are_taken_and_refused_alike(page):
    texts = valid()
    every = texts + bent(texts, 2000)
    expected = [judged(text) for text in every]
    assert expected[: len(texts)] == ["ok"] * len(texts)
    assert len(set(expected)) > 6
    said = ask(page, "(bytes) => (readAsked(bytes), 'ok')", every)
    differing = [
        (text[:2000], wanted, found)
        for text, wanted, found in zip(every, expected, said, strict=True)
        if wanted != found
    ]
    assert differing == []


def test_values_are_decoded_alike(page):
    chance = random.Random(3)
    letters = "aé\\\n \u2028\ufeff\U0001f600\x00\x1b\u200b~"
    texts = [
        documents.write(NOTE, {"title": "".join(chance.choice(letters) for _ in range(8)), "line.1": "x"})
        for _ in range(200)
    ]
    texts += bent(texts, 1000)

    def fields(text: bytes) -> str:
        try:
            return json.dumps(list(documents.read(text, NOTE).items()), ensure_ascii=False, separators=(",", ":"))
        except SerenoError as error:
            return error.code

    said = ask(page, "(bytes, kind) => JSON.stringify([...readDocument(bytes, kind)])", texts, build._kind(NOTE))
    expected = [fields(text) for text in texts]
    same = [json.loads(one) if one.startswith("[") else one for one in said]
    assert same == [json.loads(one) if one.startswith("[") else one for one in expected]


def test_what_the_page_writes_python_reads(page):
    script = "([kind, pairs]) => new TextDecoder().decode(writeDocument(kind, pairs))"
    digest = "sha256:" + "0" * 64
    pairs = [["document", digest], ["organisation", "org_a"], ["of", "run_1"], ["reason", "too risky: ¿no?\\ "]]
    text = page.evaluate(script, [build._kind(denial.KIND), pairs]).encode()
    assert denial.read_denial(text).reason == "too risky: ¿no?\\ "
    with pytest.raises(Exception, match="hides text"):
        page.evaluate(script, [build._kind(denial.KIND), [*pairs[:3], ["reason", "a\u202eb"]]])
    assert passkey_statement.KIND.first_line == page.evaluate("STATEMENT.first_line")
    moments = ["2026-11-21T20:07:08Z", "2000-02-29T00:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"]
    for moment in moments:
        milliseconds = page.evaluate("(text) => readTime(text)", moment)
        assert milliseconds == round(documents.read_time(moment).timestamp() * 1000)


def test_invisible_characters_are_shown_as_their_escapes(page):
    shown = page.evaluate("(text) => visible(text)", "a\u200bb\u00a0c\x1b[31m\nd é")
    assert shown == "a\\u{200b}b\\u{a0}c\\u{1b}[31m\\nd é"
