"""Workers as real processes: what they answer, and that nothing of them outlives its limits or its parent."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from sereno_agent import child, workers
from sereno_playbooks.action import ActionFailed
from sereno_proto.errors import Refused
from sereno_proto.ids import sha256
from sereno_proto.v1.runs_pb2 import Step

pytestmark = pytest.mark.slow

ON, OFF = b"rotate = on\n", b"rotate = off\n"


class Place:
    def __init__(self, top: Path) -> None:
        self.logs, self.conf, self.state = top / "logs", top / "conf" / "app.conf", top / "state"
        for folder in (self.logs, self.conf.parent, self.state / "versions"):
            folder.mkdir(parents=True)
        (self.logs / "app.log").write_bytes(b"line\n" * 1000)
        self.conf.write_bytes(OFF)
        for content in (ON, OFF):
            (self.state / "versions" / sha256(content).replace(":", "-")).write_bytes(content)
        rows = [[sha256(content), len(content), 0, 0, True] for content in (ON, OFF)]
        (self.state / "versions" / "index.json").write_text(json.dumps({"app-config": rows}))
        self.policy = self.state / "policy.toml"
        self.allow("rotate_logs", "restore_file")
        self.where = {"policy_path": self.policy, "state": self.state}

    def allow(self, *actions: str) -> None:
        self.policy.write_text(
            f'[folders.app-logs]\npath = "{self.logs}"\nquota_bytes = 100000\nrotate = ["*.log"]\n'
            f'[files.app-config]\npath = "{self.conf}"\nrestore = true\n'
            '[services.web]\nunit = "nginx.service"\n[hosts.this]\nname = "localhost"\n'
            '[hosts.none]\nname = "nobody.invalid"\n'
            f"[actions]\nallow = {json.dumps(list(actions))}\n"
        )
        self.policy.chmod(0o600)


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path.resolve())


def restore():
    return Step(name="back", action="restore_file", parameters={"file": "app-config", "digest": sha256(ON)})


def test_checks_reach_the_machine_itself(place):
    memory = workers.run_check_sync("memory_pressure", {}, **place.where).findings[0]
    assert 0 < memory.figures["used_percent"] < 100
    assert memory.evidence
    here = workers.run_check_sync("dns_resolution", {"host": "this"}, **place.where).findings[0]
    assert here.figures["resolved"] == 1
    nowhere = workers.run_check_sync("dns_resolution", {"host": "none"}, **place.where).findings[0]
    assert nowhere.figures["resolved"] == 0
    assert workers.run_check_sync("service", {"service": "web"}, **place.where).findings[0].title
    with pytest.raises(Refused) as caught:
        workers.run_check_sync("dns_resolution", {"host": "example"}, **place.where)
    assert caught.value.code == "E_OUTSIDE_POLICY"


def test_a_check_answers_with_findings(place):
    result = asyncio.run(workers.run_check("disk_space", {"folder": "app-logs"}, **place.where))
    assert result.findings[0].figures["used_bytes"] == 5000
    assert result.duration_ms > 0
    again = workers.run_check_sync("disk_space", {"folder": "app-logs"}, **place.where)
    assert again.findings[0].title == result.findings[0].title


def test_an_action_is_planned_applied_and_reverted(place):
    step = workers.plan_action(restore(), **place.where)
    assert (step.name, step.action, step.parameters["file"]) == ("back", "restore_file", "app-config")
    workers.verify_action(step, **place.where)
    outcome = workers.apply_action(step, **place.where)
    assert place.conf.read_bytes() == ON
    assert workers.revert_action(step, outcome.undo_data, **place.where).complete
    assert place.conf.read_bytes() == OFF


def test_the_worker_asks_the_policy_itself(place):
    step = workers.plan_action(restore(), **place.where)
    place.allow("rotate_logs")
    for call in (
        lambda: workers.plan_action(restore(), **place.where),
        lambda: workers.verify_action(step, **place.where),
        lambda: workers.apply_action(step, **place.where),
        lambda: workers.revert_action(step, "", **place.where),
    ):
        with pytest.raises((Refused, ActionFailed), match="E_POLICY_FORBIDS"):
            call()
    place.policy.write_text("nonsense = 1\n")
    with pytest.raises(Refused, match="E_POLICY_INVALID"):
        workers.run_check_sync("disk_space", {"folder": "app-logs"}, **place.where)
    assert place.conf.read_bytes() == OFF


def test_lockdown_stops_every_worker(place):
    step = workers.plan_action(restore(), **place.where)
    (place.state / "lockdown").touch()
    for call in (
        lambda: workers.run_check_sync("disk_space", {"folder": "app-logs"}, **place.where),
        lambda: workers.plan_action(restore(), **place.where),
        lambda: workers.apply_action(step, **place.where),
    ):
        with pytest.raises((Refused, ActionFailed), match="E_LOCKDOWN"):
            call()


def test_a_refusal_keeps_its_code_across_the_process(place):
    with pytest.raises(Refused, match="E_CHECK_UNKNOWN"):
        workers.run_check_sync("df", {}, **place.where)
    with pytest.raises(Refused, match="E_OUTSIDE_POLICY"):
        workers.run_check_sync("disk_space", {"folder": "elsewhere"}, **place.where)
    step = workers.plan_action(restore(), **place.where)
    place.conf.write_bytes(b"by hand\n")
    with pytest.raises(ActionFailed, match="E_TARGET_DRIFTED") as caught:
        workers.apply_action(step, **place.where)
    assert caught.value.undo_data == ""


def test_a_check_that_takes_too_long_is_killed(place):
    before = set(psutil.Process().children())
    with pytest.raises(Refused, match="E_WORKER_LIMIT"):
        workers.run_check_sync("largest_files", {"folder": "app-logs"}, timeout_s=0.4, **place.where)
    assert set(psutil.Process().children()) == before


def test_a_cancelled_check_is_killed(place):
    async def cancel():
        running = asyncio.create_task(workers.run_check("largest_files", {"folder": "app-logs"}, **place.where))
        await asyncio.sleep(0.5)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        return psutil.Process().children()

    before = psutil.Process().children()
    assert asyncio.run(cancel()) == before


def test_too_many_at_once_are_refused(place):
    async def many():
        calls = [workers.run_check("largest_files", {"folder": "app-logs"}, **place.where) for _ in range(6)]
        return await asyncio.gather(*calls, return_exceptions=True)

    answers = asyncio.run(many())
    refused = [answer for answer in answers if isinstance(answer, Refused)]
    assert [answer.code for answer in refused] == ["E_OVERLOADED"] * 2


def run_python(code, timeout_s=20.0, request=b"\n"):
    return child.run([sys.executable, "-c", code], request, timeout_s)


def test_the_whole_group_dies_when_time_is_up():
    code = (
        "import subprocess, sys, time\n"
        "inner = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "print(inner.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    ended = run_python(code, 1.5)
    assert ended.overrun == "time"
    assert gone(int(ended.output))


def test_what_a_worker_leaves_behind_dies_with_it():
    code = (
        "import subprocess, sys\n"
        "inner = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'],"
        " stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)\n"
        "print(inner.pid, flush=True)\n"
    )
    ended = run_python(code)
    assert (ended.exit_code, ended.overrun) == (0, "")
    assert gone(int(ended.output))


def test_output_beyond_the_bound_ends_the_worker():
    ended = run_python("import sys\nwhile True: sys.stdout.write('x' * 65536)")
    assert ended.overrun == "output"
    assert len(ended.output) <= (1 << 20) + 65536


def test_error_output_is_kept_to_its_end():
    ended = run_python("import sys; sys.stderr.write('x' * 100000 + 'the end'); sys.exit(3)")
    assert ended.exit_code == 3
    assert len(ended.errors) == child.STDERR_BYTES_KEPT
    assert ended.errors.endswith(b"the end")


def test_a_worker_sees_neither_the_parents_environment_nor_its_folder():
    os.environ["SERENO_TEST_SECRET"] = "hunter2"
    try:
        ended = run_python("import os; print(dict(os.environ), os.getcwd())")
    finally:
        del os.environ["SERENO_TEST_SECRET"]
    assert b"hunter2" not in ended.output
    assert ended.output.strip().endswith(b"/")


LIMITS = """
import json, resource, sys
from sereno_agent import worker
worker._limit(5, writes={writes})
try:
    open({path!r}, "wb", buffering=0).write(b"x" * 100)
    print("wrote")
except OSError as error:
    print("no", error.errno)
try:
    bytearray(1 << 30)
    print("allocated")
except MemoryError:
    print("no memory")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are Linux's")
def test_a_check_cannot_write_files_nor_take_much_memory(tmp_path):
    path = str(tmp_path / "written")
    assert run_python(LIMITS.format(writes=False, path=path)).output == b"no 27\nno memory\n"
    assert run_python(LIMITS.format(writes=True, path=path)).output == b"wrote\nno memory\n"


PARENT = """
import sys
from pathlib import Path
from sereno_agent import workers
workers.run_check_sync("largest_files", {"folder": "app-logs"}, policy_path=Path(sys.argv[1]), state=Path(sys.argv[2]))
"""


def test_a_worker_dies_with_its_parent(place):
    environment = child.worker_environment()
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(place.policy), str(place.state)], env=environment)
    try:
        worker = wait_for(lambda: next(iter(psutil.Process(parent.pid).children()), None))
        wait_for(lambda: len(worker.threads()) > 1)  # the lifeline is watched
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    assert gone(worker.pid)


def test_a_worker_whose_lifeline_closes_ends_its_group(place):
    request = {"task": "check", "name": "largest_files", "parameters": {"folder": "app-logs"}, "timeout_s": 20}
    request |= {"policy": str(place.policy), "state": str(place.state)}
    with subprocess.Popen(
        [sys.executable, "-P", "-s", "-B", "-m", "sereno_agent.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=child.worker_environment(),
        start_new_session=True,
    ) as process:
        process.communicate(json.dumps(request).encode() + b"\n", timeout=10)
    assert process.returncode == -signal.SIGKILL


def wait_for(condition, timeout_s=10.0):
    until = time.monotonic() + timeout_s
    while not (found := condition()):
        assert time.monotonic() < until
        time.sleep(0.01)
    return found


def gone(pid):
    def ended():
        try:
            return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True

    return wait_for(ended)


def test_an_action_killed_half_way_can_be_taken_back(place):
    log = place.logs / "app.log"
    log.write_bytes(os.urandom(1 << 20) * 100)
    before = log.stat()
    for timeout_s in (0.5, 1, 2, 4):  # until one ends in the middle of packing, however fast the machine is
        step = workers.plan_action(Step(action="rotate_logs", parameters={"folder": "app-logs"}), **place.where)
        with pytest.raises(ActionFailed, match="E_WORKER_LIMIT") as caught:
            workers.apply_action(step, timeout_s=timeout_s, **place.where)
        half_way = len(list(place.logs.iterdir())) == 2  # the log, and an archive without a name
        assert workers.revert_action(step, caught.value.undo_data, **place.where).complete
        assert list(place.logs.iterdir()) == [log]
        assert (log.stat().st_ino, log.stat().st_size) == (before.st_ino, before.st_size)
        assert log.stat().st_mtime_ns == before.st_mtime_ns
        if half_way:
            return
    pytest.fail("no attempt ended half-way")
