"""How the machine went down before its last start, from records of logins."""

import struct

import pytest

from sereno_agent.collectors.uptime_linux import shut_down_cleanly

BOOT, RUN_LEVEL, LOGIN = 2, 1, 7


def record(kind, user):
    return struct.pack("<h2xi32s4s32s", kind, 0, b"~", b"~~", user).ljust(384, b"\0")


def wtmp(*records):
    return b"".join(record(*each) for each in records)


STARTED = (BOOT, b"reboot")
STOPPED = (RUN_LEVEL, b"shutdown")
LEVEL = (RUN_LEVEL, b"runlevel")
PERSON = (LOGIN, b"ada")


@pytest.mark.parametrize(
    ("records", "clean"),
    [
        ((STARTED, PERSON, STOPPED, STARTED, LEVEL, PERSON), True),
        ((STARTED, LEVEL, PERSON, STARTED, LEVEL), False),
        ((STARTED, STOPPED, STARTED, PERSON, STARTED), False),
        ((STARTED, LEVEL), None),
        ((), None),
    ],
)
def test_a_shutdown_between_two_starts_makes_it_clean(records, clean):
    assert shut_down_cleanly(wtmp(*records)) is clean


def test_a_record_of_another_architecture_says_nothing():
    assert shut_down_cleanly(wtmp(STARTED, STARTED) + b"x") is None
