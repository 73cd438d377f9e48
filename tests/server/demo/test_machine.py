"""The demo's machine: policy, writer, lock, processes."""

import subprocess
import sys

import pytest

from sereno_agent import policy
from sereno_proto.errors import SerenoError
from sereno_server.demo import machine, writer
from sereno_server.demo.place import Place, default_folder
from sereno_server.demo.processes import Lock, Processes, Waiting, environment_for_children


@pytest.fixture
def place(tmp_path):
    made = Place(tmp_path / "demo")
    made.make()
    return made


def test_the_policy_is_one_that_the_agent_takes(place):
    machine.prepare(place)
    read = policy.load(place.agent / "policy.toml")
    assert read.folders["app-logs"].quota_bytes > 0
    assert read.files["app-config"].restore
    assert read.actions == {"restore_file", "rotate_logs", "remove_old_files"}


def test_the_writer_rotates_only_while_its_configuration_says_so(place):
    machine.prepare(place)
    for second in range(10):
        writer.step(place.app_logs, place.app_config, 1_000_000, float(second))
    assert sorted(path.name for path in place.app_logs.iterdir()) == ["app.log", "app.log.1", "app.log.2"]
    assert machine.used_bytes(place.app_logs) < 12_000_000
    place.app_config.write_text(machine.NOT_ROTATING)
    for second in range(10):
        writer.step(place.app_logs, place.app_config, 1_000_000, float(second))
    assert (place.app_logs / "app.log").stat().st_size > 9_000_000


def test_a_folder_runs_one_demo_at_a_time(place):
    held = Lock(place)
    with pytest.raises(SerenoError) as refused:
        Lock(place)
    assert refused.value.code == "E_DEMO_RUNNING"
    held.release()
    Lock(place).release()


def test_a_process_that_ends_is_told_by_its_own_last_line(place):
    processes = Processes(place)
    processes.start("server", "sereno_server.demo.writer", [], environment_for_children())

    def until_it_ends():
        for _ in Waiting("its end", 20):
            processes.require("server")

    with pytest.raises(SerenoError, match="IndexError") as ended:
        until_it_ends()
    assert ended.value.code == "E_INTERNAL"
    processes.stop_all()


def test_an_error_line_of_a_process_becomes_our_error(place):
    with pytest.raises(SerenoError) as refused:
        Processes(place).run(
            "sereno_server.cli.main", ["playbooks", "lint", "/nowhere"], environment_for_children(), 60
        )
    assert refused.value.code == "E_PLAYBOOK_SYNTAX"


def test_only_processes_that_were_noted_are_ended(place):
    innocent = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        place.write_state(processes={"server": [innocent.pid, 0.0]})
        Processes(place).end_leftovers()
        assert innocent.poll() is None
    finally:
        innocent.kill()
        innocent.wait()


def test_waiting_ends_with_what_did_not_come():
    with pytest.raises(SerenoError, match="the moon"):
        for _ in Waiting("the moon", 0.0, poll_s=0.01):
            pass


def test_the_folder_is_the_clones(tmp_path):
    (tmp_path / "server" / "sereno_server").mkdir(parents=True)
    (tmp_path / "pyproject.toml").touch()
    deep = tmp_path / "docs" / "deep"
    deep.mkdir(parents=True)
    assert default_folder(deep) == tmp_path / ".demo"
