"""Versions compare as dpkg and rpm compare them."""

import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sereno_server.reads.inventory_query import parse
from sereno_server.reads.versions import compare, compare_asked

DEB = [
    ("1.0", "<", "1.1"), ("1.9", "<", "1.10"), ("1.0~rc1", "<", "1.0"), ("1.0~~", "<", "1.0~"), ("1.0", "<", "1.0a"),
    ("1.0a", "<", "1.0+"), ("1.0-1", "<", "1.0-1.1"), ("1.0-1~deb12u1", "<", "1.0-1"), ("1.0-1", "<", "1.0-1+deb12u1"),
    ("9:1", ">", "8:2"), ("0:1.0", "=", "1.0"), ("1.0", "=", "1.0-0"), ("01.00", "=", "1.0"), ("1.0.", ">", "1.0"),
    ("3.0.15-1~deb12u1", ">", "3.0.14-1~deb12u2"), ("2.36-9+deb12u8", "<", "2.36-9+deb12u10"), ("7.4p1", "<", "7.4p2"),
]  # fmt: skip
RPM = [
    ("1.0", "<", "1.0.1"), ("1.0~rc1", "<", "1.0"), ("1.0^git1", ">", "1.0"), ("1.0^git1", "<", "1.0.1"),
    ("1.0a", ">", "1.0"), ("1.a", "<", "1.1"), ("2.0.1a", ">", "2.0.1"), ("1.05", "=", "1.5"), ("1_0", "=", "1.0"),
    ("1:3.0.7-27.el9", "<", "1:3.0.7-28.el9_4"), ("1:1", ">", "2"), ("10xyz", "<", "10.1xyz"), ("fc4", "=", "fc.4"),
]  # fmt: skip
SIGN = {-1: "<", 0: "=", 1: ">"}


@pytest.mark.parametrize(("left", "order", "right"), DEB)
def test_debian_versions(left: str, order: str, right: str) -> None:
    assert SIGN[compare(left, right)] == order
    assert SIGN[-compare(right, left)] == order


@pytest.mark.parametrize(("left", "order", "right"), RPM)
def test_rpm_versions(left: str, order: str, right: str) -> None:
    assert SIGN[compare(left, right, "rpm")] == order
    assert SIGN[-compare(right, left, "rpm")] == order


VERSION = st.from_regex(r"\A[0-9][0-9ab.+~]{0,6}(-[0-9a.+~]{1,4})?\Z")


@pytest.mark.skipif(shutil.which("dpkg") is None, reason="no dpkg here")
@given(VERSION, VERSION)
@settings(max_examples=40, deadline=None)
def test_dpkg_says_the_same(left: str, right: str) -> None:
    operator = {-1: "lt", 0: "eq", 1: "gt"}[compare(left, right)]
    assert subprocess.run(["dpkg", "--compare-versions", left, operator, right], check=False).returncode == 0


@pytest.mark.parametrize(
    ("installed", "asked", "order"),
    [
        ("3.0.15-1~deb12u1", "3.0.15", 0),  # a revision that nobody asked about
        ("3.0.14-1", "3.0.15", -1),
        ("3.0.15-1", "3.0.15-2", -1),
        ("1:9.2p1-2", "9.3", -1),
        ("1:9.2p1-2", "2:1.0", -1),
        ("3.0.15~rc1-1", "3.0.15", -1),
        ("6.1.0-27-amd64", "6.1.0", 1),
        ("16.0 GiB", "8 GiB", 1),
    ],
)
def test_only_what_was_asked_is_compared(installed: str, asked: str, order: int) -> None:
    assert compare_asked(installed, asked) == order


@pytest.mark.parametrize(
    ("question", "value", "fits"),
    [
        ("openssl < 3.0.15", "3.0.14-1~deb12u2", True),
        ("openssl<3.0.15", "3.0.15-1~deb12u1", False),
        ("openssl <= 3.0.15", "3.0.15-1~deb12u1", True),
        ("openssl = 3.0.15", "3.0.15-1", True),
        ("openssl != 3.0.15", "3.0.15-1", False),
        ("openssl >= 3.0.15", "3.0.14-1", False),
        ("openssl >> 3.0", "3.0.14-1", True),
        ("system.os = debian*12*", "Debian GNU/Linux 12 (bookworm)", True),
        ("openssl", "anything", True),
    ],
)
def test_questions(question: str, value: str, fits: bool) -> None:
    query = parse(question)
    assert query is not None
    assert query.fits(value, "deb") is fits


def test_a_name_may_be_of_any_kind() -> None:
    query = parse("OpenSSL")
    assert query is not None
    assert query.keys()[0] == "package.openssl"
    named = parse("user.deploy")
    assert named is not None
    assert named.keys() == ["user.deploy"]
    assert parse("  ") is None


def test_hostile_versions_end() -> None:
    assert compare("9" * 5000, "1" * 5000) in (-1, 0, 1)
    assert compare("a:b:c--", "\x00~~^") in (-1, 0, 1)
    assert compare("1.\N{SUPERSCRIPT TWO}", "1.\N{ARABIC-INDIC DIGIT TWO}", "rpm") in (-1, 0, 1)
    assert compare_asked("", "1.0") == -1
