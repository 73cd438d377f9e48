"""Times and levels are seen as programs write them; a word within a sentence is no level."""

import calendar

import pytest

from sereno_agent.logs.recognise import Recogniser, severity

NOW_MS = 1_795_294_330_000  # 2026-11-21 20:52:10 UTC


def utc(numbers):
    return calendar.timegm((*numbers, 0, 0, 0))


@pytest.mark.parametrize(
    ("line", "at_ms"),
    [
        ("2026-11-21T20:31:32.123Z INFO up", 1_795_293_092_123),
        ("2026-11-21 20:31:32,123 INFO up", 1_795_293_092_123),
        ("[2026-11-21T22:31:32+02:00] up", 1_795_293_092_000),
        ("2026/11/21 20:31:32 [error] 7#7: *1 open() failed", 1_795_293_092_000),
        ("Nov 21 20:31:32 web sshd[7]: Accepted", 1_795_293_092_000),
        ("<13>Nov 21 20:31:32 web app: x", 1_795_293_092_000),
        ('192.0.2.1 - - [21/Nov/2026:20:31:32 +0000] "GET /"', 1_795_293_092_000),
        ('{"level":"error","ts":1795293092.123,"msg":"x"}', 1_795_293_092_123),
        ("1795293092123 started", 1_795_293_092_123),
        ("Dec 31 23:59:59 web app: of last year", 1_767_225_599_000),
        ("no time at all", NOW_MS),
        ("2062-11-21 20:31:32 from the future", NOW_MS),
        ("2026-13-41 99:31:32 no such day", NOW_MS),
    ],
)
def test_a_line_names_its_time(line, at_ms):
    assert Recogniser(utc).time_ms(line, NOW_MS) == at_ms


def test_neighbours_of_the_same_second_keep_their_thousandths():
    recogniser = Recogniser(utc)
    lines = [f"2026-11-21 20:31:32.{ms:03d} x" for ms in (1, 2, 900)]
    assert [recogniser.time_ms(line, NOW_MS) % 1000 for line in lines] == [1, 2, 900]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("2026-11-21 20:31:32 ERROR no connection", 3),
        ("2026-11-21 20:31:32 [warn] slow", 4),
        ("2026/11/21 20:31:32 [crit] 7#7: disk", 2),
        ('{"level":"fatal","msg":"x"}', 2),
        ("time=x level=warning msg=y", 4),
        ("<11>Nov 21 20:31:32 web app: x", 3),
        ("E1121 20:31:32.123456 7 main.go:12] failed", 3),
        ("error: cannot open", 3),
        ("2026-11-21 20:31:32 CET [7] FATAL:  role does not exist", 2),
        ("2026-11-21 20:31:32.1 LOG:  checkpoint", 6),
        ("[Sat Nov 21 20:31:32 2026] [core:notice] [pid 7]", 5),
        ("DEBUG x", 7),
        ("Traceback (most recent call last):", 3),
        ("no error was found in 3 files", 6),
        ("GET /error.html 200", 6),
        ("ERROR.LOG was opened", 6),
        ("plain words", 6),
    ],
)
def test_a_line_names_its_level(line, expected):
    assert severity(line) == expected
