"""Programs of actions: trusted files only, a clean environment, bounded time and output, no shell."""

import json
import os
import subprocess
import sys

import pytest

from sereno_agent import starting
from sereno_proto.errors import SerenoError
from sereno_proto.limits import PROGRAM_OUTPUT_BYTES_MAX


def code_of(command, timeout_s=60.0):
    with pytest.raises(SerenoError) as caught:
        starting.start(command, timeout_s)
    return caught.value.code


def test_a_program_gets_its_words_as_they_are_and_nothing_of_the_agents(monkeypatch):
    monkeypatch.setenv("SERENO_SECRET", "hunter2")
    ended = starting.start(["printf", "%s|", "a b", "$(id)", "; reboot", "-n"], 60)
    assert (ended.exit_code, ended.output, ended.errors) == (0, "a b|$(id)|; reboot|-n|", "")
    told = starting.start(["env"], 60).output
    assert "SERENO" not in told
    assert "DEBIAN_FRONTEND=noninteractive\n" in told
    assert starting.start(["cat"], 60).output == ""  # nothing to read
    assert starting.start(["false"], 60).exit_code == 1


def test_what_is_not_there_is_none():
    assert starting.start(["no-such-program-of-sereno"], 60) is None
    assert starting.start(["/no/such/program"], 60) is None


@pytest.mark.slow
def test_time_and_output_are_bounded():
    assert code_of(["sleep", "600"], 0.2) == "E_WORKER_LIMIT"
    assert code_of(["head", "-c", str(PROGRAM_OUTPUT_BYTES_MAX + 1), "/dev/zero"]) == "E_WORKER_LIMIT"


@pytest.mark.skipif(os.geteuid() != 0, reason="files of others")
def test_a_program_that_others_may_change_is_not_started(tmp_path):
    program = tmp_path / "bin" / "tool"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho ran\n")
    program.chmod(0o755)
    assert starting.start([str(program)], 60).output == "ran\n"
    program.chmod(0o757)
    assert code_of([str(program)]) == "E_OUTSIDE_POLICY"
    program.chmod(0o755)
    program.parent.chmod(0o777)
    assert code_of([str(program)]) == "E_OUTSIDE_POLICY"
    program.parent.chmod(0o755)
    os.chown(program, 65534, 65534)
    assert code_of([str(program)]) == "E_OUTSIDE_POLICY"
    os.chown(program, 0, 0)
    link = tmp_path / "link"
    link.symlink_to(program)
    assert starting.start([str(link)], 60).output == "ran\n"
    program.chmod(0o775)
    os.chown(program, 0, 65534)
    assert code_of([str(link)]) == "E_OUTSIDE_POLICY"


LIMITED = """
import json, resource, sys
from sereno_agent import starting, worker
worker._limit(60, writes=False)
before = [resource.getrlimit(limit) for limit in starting.LIFTED]
copied = starting.start(["cp", "/etc/os-release", sys.argv[1]], 60).exit_code
after = [resource.getrlimit(limit) for limit in starting.LIFTED]
try:
    open(sys.argv[1] + "2", "wb", buffering=0).write(b"x")
    own = "wrote"
except OSError:
    own = "could not"
print(json.dumps([copied, before == after, own]))
"""


@pytest.mark.slow
def test_a_dry_runs_worker_writes_nothing_while_apt_may_write_what_it_needs(tmp_path):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", LIMITED, str(tmp_path / "file")]
    done = subprocess.run(command, capture_output=True, check=True, env=environment)
    assert json.loads(done.stdout) == [0, True, "could not"]
