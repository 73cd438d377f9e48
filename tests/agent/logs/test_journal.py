"""The journal as `journalctl -o json` prints it; a script stands in for the command."""

import sys
import time
from pathlib import Path

import pytest

from sereno_agent.logs.journal_source import JournalReader
from sereno_agent.policy_logs import JournalSource
from sereno_agent.redact import redactor

RECORDED = Path(__file__).parent / "journal" / "debian_12.jsonl"
REAL = Path(__file__).parent / "journal" / "systemd_252.jsonl"
FAKE = """
import json, sys, time
lines = [line for line in open({path!r}, encoding="utf-8").read().splitlines() if line]
after = [a.partition("=")[2] for a in sys.argv if a.startswith("--after-cursor=")]
cursors = [json.loads(line).get("__CURSOR") if line[0] == "{{" else "" for line in lines]
start = cursors.index(after[0]) + 1 if after else 0
sys.stdout.write("".join(line + "\\n" for line in lines[start:]))
sys.stdout.flush()
time.sleep(60)
"""


@pytest.fixture
def command(tmp_path):
    script = tmp_path / "journalctl.py"
    script.write_text(FAKE.format(path=str(RECORDED)))
    return (sys.executable, str(script))


def reader(command, cursor="", **how):
    known = {"cursor": cursor} if cursor else None
    return JournalReader(JournalSource(**how), known, redactor(()), command=command)


def read(journal, deadline_s=20):
    end = time.monotonic() + deadline_s
    while time.monotonic() < end:
        block = journal.turn()
        if not block.empty:
            return block
        time.sleep(0.02)
    raise AssertionError("the journal said nothing")


def test_entries_become_lines(command):
    journal = reader(command)
    block = read(journal)
    journal.close()
    lines = [(line.severity, line.origin, line.text) for line in block.lines]
    assert lines == [
        (6, "ssh.service", "sshd[812]: Accepted publickey for noa from 192.0.2.7 port 50022 ssh2"),
        (4, "init.scope", "systemd[1]: app.service: Main process exited, code=killed, status=9/KILL"),
        (3, "kernel", "kernel: Out of memory: Killed process 4711 (java)"),
        (6, "app.service", "app[990]: caf\N{LATIN SMALL LETTER E WITH ACUTE} ready"),
        (5, "sudo", "sudo[1001]: noa : password=[redacted]"),
    ]
    assert block.lines[0].time_ms == 1_795_293_092_123
    assert block.withheld == 1  # the line that is no JSON


def test_what_the_real_journalctl_writes_of_odd_entries(tmp_path):
    script = tmp_path / "journalctl.py"
    script.write_text(FAKE.format(path=str(REAL)))
    journal = reader((sys.executable, str(script)))
    block = read(journal)
    journal.close()
    lines = [(line.severity, line.text) for line in block.lines]
    assert lines[3:7] == [
        (6, "app[990]: caf\N{REPLACEMENT CHARACTER} ready"),
        (6, 'app[990]: Traceback (most recent call last):\n  File "app.py", line 3\nValueError: bad'),
        (5, "sudo[1001]: noa : TTY=pts/0 ; PWD=/home/noa ; USER=root ; COMMAND=/usr/bin/mysql --password=[redacted]"),
        (6, "cron[77]: first of two\nsecond of two"),
    ]
    assert lines[7][1].endswith(" [cut]")
    assert lines[8] == (6, "app[990]: no priority at all")
    assert len(lines) == 9, "the entry without a message says nothing"
    assert block.withheld == 0


def test_what_was_not_kept_is_read_again_and_what_was_is_not(command):
    journal = reader(command)
    first = read(journal)
    assert len(read(journal).lines) == len(first.lines)
    journal.committed()
    journal.close()
    again = reader(command, cursor=first.places["cursor"])
    for _ in range(20):
        assert again.turn().empty
        time.sleep(0.02)
    again.close()


def test_the_policy_chooses_units_and_priority():
    journal = reader(("journalctl",), cursor="s=1", units=("ssh.service",), priority="warning")
    arguments = journal.arguments()
    assert {"--unit=ssh.service", "--priority=warning", "--after-cursor=s=1", "--no-tail"} <= set(arguments)
    assert "--lines=1" in reader(("journalctl",)).arguments()


def test_a_machine_without_a_journal_is_told_of_once_in_a_while():
    journal = reader(("/no/such/journalctl",))
    assert journal.turn().empty
    assert journal.turn().empty
    assert len(journal.notices) == 1
