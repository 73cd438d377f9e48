"""How the machine went down before its last start, from records of logins."""

import struct

import pytest
from tests.agent.collectors.machine import Machine

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


def test_a_start_is_told_once_with_its_time_also_one_while_the_agent_was_away(tmp_path):
    machine = Machine("reboots", tmp_path)
    machine.write("/proc/sys/kernel/random/boot_id", "one\n")
    machine.write("/proc/stat", "cpu 1\nbtime 500\n")
    assert machine.look() == []
    machine.restart()
    assert machine.look() == []
    machine.write("/proc/sys/kernel/random/boot_id", "two\n")
    machine.write("/proc/stat", "cpu 1\nbtime 900\n")
    machine.write("/var/log/wtmp", wtmp(STARTED, PERSON, STARTED))
    machine.restart()
    (change,) = machine.look()
    assert (change.kind, change.object, change.modified_ms) == ("reboot", "machine", 900_000)
    assert change.summary == "Started anew, without a shutdown before: a crash or a lost supply"
    assert change.diff == "+started 1970-01-01 00:15:00 UTC"
    assert machine.look() == []
