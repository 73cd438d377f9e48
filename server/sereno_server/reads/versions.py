"""Which version is newer, as dpkg and rpm say. Pure.

Debian Policy 5.6.12; rpm's rpmvercmp with `~` and `^`. What a question leaves out (epoch, revision) is not compared.
"""

import re
from collections.abc import Iterator
from typing import Literal

Format = Literal["deb", "rpm"]

_PART = re.compile(r"[0-9]+|[a-zA-Z]+|~|\^")
_RUNS = re.compile(r"([^0-9]*)([0-9]*)")

Number = tuple[int, str]  # digits without leading zeros and how many: as long as they like, never an int


def compare_asked(installed: str, asked: str, format_: Format = "deb") -> int:
    """-1, 0 or 1: the installed version against one that a person typed, only in the parts that the person gave.

    `3.0.15-1~deb12u1` is neither below nor above `3.0.15`, but below `3.0.15-2` and above `3.0.14`.
    """
    epoch, upstream, revision = _split(installed)
    asked_epoch, asked_upstream, asked_revision = _split(asked)
    installed_as_asked = upstream
    if asked_revision:
        installed_as_asked, asked_upstream = f"{upstream}-{revision}", f"{asked_upstream}-{asked_revision}"
    if ":" in asked and epoch != asked_epoch:
        return -1 if epoch < asked_epoch else 1
    return compare(installed_as_asked, asked_upstream, format_)


def compare(left: str, right: str, format_: Format = "deb") -> int:
    """-1 when left is older, 0 when they are equal, 1 when left is newer."""
    left_epoch, *left_parts = _split(left)
    right_epoch, *right_parts = _split(right)
    if left_epoch != right_epoch:
        return -1 if left_epoch < right_epoch else 1
    part = _deb if format_ == "deb" else _rpm
    for mine, theirs in zip(left_parts, right_parts, strict=True):
        if order := part(mine, theirs):
            return order
    return 0


def _split(version: str) -> tuple[int, str, str]:
    epoch, colon, rest = version.strip().partition(":")
    if not colon or not re.fullmatch("[0-9]{1,9}", epoch):
        epoch, rest = "0", version.strip()
    upstream, _, revision = rest.rpartition("-") if "-" in rest else (rest, "", "")
    return int(epoch), upstream, revision


def _deb(left: str, right: str) -> int:
    """Runs of other characters and of digits in turn; `~` sorts before the end, letters before the rest."""
    mine, theirs = list(_deb_parts(left)), list(_deb_parts(right))
    width = max(len(mine), len(theirs))
    # An end compares like an empty run followed by the number 0.
    mine += [((0,), _number(""))] * (width - len(mine))
    theirs += [((0,), _number(""))] * (width - len(theirs))
    return (mine > theirs) - (mine < theirs)


def _deb_parts(text: str) -> Iterator[tuple[tuple[int, ...], Number]]:
    for match in _RUNS.finditer(text):
        if match[0]:
            # The closing 0 is the end of the run: after `~`, before everything else.
            yield (*(_weight(character) for character in match[1]), 0), _number(match[2])


def _number(digits: str) -> Number:
    digits = digits.lstrip("0")
    return len(digits), digits


def _weight(character: str) -> int:
    if character == "~":
        return -1
    return ord(character) if character.isalpha() else ord(character) + 256


def _rpm(left: str, right: str) -> int:
    mine, theirs = _PART.findall(left), _PART.findall(right)
    for a, b in zip(mine, theirs, strict=False):
        if order := _rpm_part(a, b):
            return order
    if len(mine) == len(theirs):
        return 0
    longer = 1 if len(mine) > len(theirs) else -1
    following = (mine if longer == 1 else theirs)[min(len(mine), len(theirs))]
    return -longer if following == "~" else longer


def _rpm_part(a: str, b: str) -> int:
    if a == b:
        return 0
    for mark, order in (("~", -1), ("^", -1)):
        if mark in (a, b):
            return order if a == mark else -order
    if a.isdigit() != b.isdigit():
        return 1 if a.isdigit() else -1
    if a.isdigit():
        return (_number(a) > _number(b)) - (_number(a) < _number(b))
    return (a > b) - (a < b)
