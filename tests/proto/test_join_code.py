"""Join codes survive terminals and mails; everything else is one clear refusal."""

import base64
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sereno_proto import join_code
from sereno_proto.errors import SerenoError
from sereno_proto.join_code import JoinCode, JoinStatement, read, read_statement, write, write_statement

CODE = JoinCode(
    enroll_address="server.example:7443",
    ca_fingerprint="sha256:" + "a" * 64,
    root_digest="sha256:" + "b" * 64,
    roster_version_min=3,
    token="T" * 32,
    expires=datetime(2026, 11, 21, 21, 0, 0, tzinfo=UTC),
)


def refused(word):
    with pytest.raises(SerenoError) as caught:
        read(word)
    assert caught.value.code == "E_JOIN_CODE"


def test_a_code_reads_back_also_when_a_mail_broke_its_line():
    word = write(CODE)
    assert read(word) == CODE
    assert read(f" {word[:70]}\r\n{word[70:]}\n") == CODE
    assert len(word.split()) == 1


@pytest.mark.parametrize("address", ["127.0.0.1:1", "[::1]:7443", "a.b-c.example:65535"])
def test_addresses_of_every_form(address):
    assert read(write(replace(CODE, enroll_address=address))).enroll_address == address


@pytest.mark.parametrize(
    "changes",
    [
        {"enroll_address": "server"},
        {"enroll_address": "http://server:1"},
        {"ca_fingerprint": "sha256:short"},
        {"root_digest": "md5:" + "b" * 64},
        {"token": "short"},
        {"token": "T" * 129},
        {"token": "has space" * 4},
    ],
)
def test_a_code_that_makes_no_sense_is_not_written(changes):
    with pytest.raises(SerenoError) as caught:
        write(replace(CODE, **changes))
    assert caught.value.code == "E_JOIN_CODE"


@given(st.text(max_size=80))
def test_any_other_text_is_refused(text):
    refused(text)
    refused(join_code.PREFIX + text)


def test_a_code_cut_short_or_changed_is_refused():
    word = write(CODE)
    for length in range(len(word)):
        refused(word[:length])
    refused(word + "A")
    refused(join_code.PREFIX + base64.urlsafe_b64encode(b"sereno join-code v1\n").decode().rstrip("="))
    refused(word + "A" * 2000)


STATEMENT = JoinStatement("dev_a", "web-1", "sha256:" + "c" * 64, "sha256:" + "d" * 64)


def test_a_statement_reads_back():
    assert read_statement(write_statement(STATEMENT)) == STATEMENT


@pytest.mark.parametrize("changes", [{"name": "Web 1"}, {"name": "-a"}, {"token_digest": "x"}, {"csr_digest": "x"}])
def test_a_statement_that_makes_no_sense_is_not_written(changes):
    with pytest.raises(SerenoError):
        write_statement(replace(STATEMENT, **changes))
