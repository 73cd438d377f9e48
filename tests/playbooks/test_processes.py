"""kill_process and renice_process on real processes of this test's own."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from sereno_diagnostics.allowed import NamedProcess
from sereno_proto.planned_step import Subject

MARK = f"sereno-test-{os.getpid()}"
SLEEP = "import time; print('ready', flush=True); time.sleep(600)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEP}"
BUSY = "print('ready', flush=True)\nwhile True: pass"
OWN = os.getpriority(os.PRIO_PROCESS, 0)  # what a process of this test begins with: the tests may run niced
NAME = os.path.basename(sys.executable)[:15]  # noqa: PTH119, as the kernel calls it


@pytest.fixture
def start(place):
    place.names["processes"] = {"worker": NamedProcess("worker", NAME, MARK, "", ("kill", "renice"))}
    started = []

    def start(code=SLEEP, *more):
        process = subprocess.Popen([sys.executable, "-c", code, MARK, *more], stdout=subprocess.PIPE)
        started.append(process)
        assert process.stdout.readline() == b"ready\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def test_a_process_is_ended_and_a_second_time_nothing_happens(place, start):
    process, other = start(), start()
    step = place.plan("kill_process", process="worker", pid=str(process.pid))
    (subject,) = step.subjects
    assert (subject.before, subject.after) == ("running", "gone")
    assert subject.name.startswith(f"{NAME}:{process.pid}@")
    assert process.poll() is None
    outcome = place.apply(step)
    assert process.wait() == -signal.SIGTERM
    assert other.poll() is None
    assert place.apply(step).undo_data == ""
    assert not place.revert(step, outcome.undo_data).complete
    assert place.plan("kill_process", process="worker", pid=str(process.pid)).subjects == ()


def test_one_that_does_not_end_by_itself_is_killed(place, start):
    process = start(STUBBORN)
    outcome = place.apply(place.plan("kill_process", process="worker", grace_s="0"))
    assert process.wait() == -signal.SIGKILL
    assert "was killed" in outcome.summary


def test_without_an_id_the_busiest_is_chosen(place, start):
    start()
    busy = start(BUSY)
    start()
    place.waited = type("Waits", (list,), {"append": lambda self, seconds: time.sleep(0.3)})()
    (subject,) = place.plan("kill_process", process="worker").subjects
    assert f":{busy.pid}@" in subject.name


def test_niceness_goes_there_and_back_on_every_thread(place, start):
    process = start(f"import threading, time; threading.Thread(target=time.sleep, args=(600,)).start(); {SLEEP}")
    step = place.plan("renice_process", process="worker", nice=str(OWN + 7))
    assert (step.subjects[0].before, step.subjects[0].after) == (f"nice={OWN}", f"nice={OWN + 7}")
    assert niceness(process) == {OWN}
    outcome = place.apply(step)
    assert niceness(process) == {OWN + 7}
    assert place.apply(step).undo_data == ""
    if os.geteuid() == 0:
        assert place.revert(step, outcome.undo_data).complete
        assert niceness(process) == {OWN}
    os.setpriority(os.PRIO_PROCESS, process.pid, OWN + 9)
    assert place.refusal(place.apply, step) == "E_TARGET_DRIFTED"


def test_another_process_of_the_same_id_is_never_touched(place, start):
    victim = start()
    for action, more in (("kill_process", {}), ("renice_process", {"nice": str(OWN + 5)})):
        step = place.plan(action, process="worker", pid=str(victim.pid), **more)
        (subject,) = step.subjects
        name, _, begun = subject.name.partition("@")
        reused = replace(step, subjects=(replace(subject, name=f"{name}@{int(begun) - 1}"),))
        assert place.apply(reused).undo_data == ""
        assert victim.poll() is None
        assert niceness(victim) == {OWN}


def test_a_process_that_became_another_program_is_left_alone(place, start):
    piped = subprocess.Popen(
        [sys.executable, "-c", "import os; input(); os.execv('/bin/sleep', ['sleep', '600'])", MARK],
        stdin=subprocess.PIPE,
    )
    with piped, contextlib.ExitStack() as ending:
        ending.callback(piped.kill)
        step = place.plan("kill_process", process="worker", pid=str(piped.pid))
        piped.stdin.write(b"\n")
        piped.stdin.flush()
        until = time.monotonic() + 60
        while "sleep" not in (place.machine.read(f"/proc/{piped.pid}/stat") or ""):
            assert time.monotonic() < until
            time.sleep(0.01)
        assert place.refusal(place.apply, step) == "E_TARGET_DRIFTED"
        assert piped.poll() is None


def test_only_processes_of_the_policy_can_be_chosen(place, start):
    process = start()
    mine = NamedProcess("worker", NAME, MARK, "", ("kill",))

    def refused(named, pid):
        place.names["processes"] = {"worker": named}
        return place.refusal(lambda: place.plan("kill_process", process="worker", pid=str(pid)))

    assert refused(mine, os.getpid()) == "E_OUTSIDE_POLICY"
    assert refused(replace(mine, argument=""), os.getpid()) == "E_OUTSIDE_POLICY"  # not even where it is named
    assert refused(replace(mine, program="systemd", argument=""), 1) == "E_OUTSIDE_POLICY"
    assert refused(replace(mine, argument="another"), process.pid) == "E_OUTSIDE_POLICY"
    assert refused(replace(mine, user="nobody"), process.pid) == "E_OUTSIDE_POLICY"
    assert refused(replace(mine, allow=("renice",)), process.pid) == "E_POLICY_FORBIDS"
    assert process.poll() is None


@pytest.mark.parametrize("name", ["init:1@0", "{name}:{pid}", "{name}:-1@5", "other:{pid}@{start}", "{name}:1@2@3"])
def test_a_plan_that_names_something_else_is_refused(place, start, name):
    process = start()
    step = place.plan("kill_process", process="worker", pid=str(process.pid))
    begun = step.subjects[0].name.partition("@")[2]
    other = Subject("process", name.format(name=NAME, pid=process.pid, start=begun), "running", "gone")
    assert place.refusal(place.apply, replace(step, subjects=(other,))) == "E_OUTSIDE_POLICY"
    assert process.poll() is None


def test_serenos_own_processes_are_never_among_them(place, start):
    process = start(SLEEP, "-m", "sereno_agent")
    assert place.plan("kill_process", process="worker").subjects == ()
    assert place.refusal(lambda: place.plan("kill_process", process="worker", pid=str(process.pid))) == (
        "E_OUTSIDE_POLICY"
    )


def niceness(process):
    threads = Path(f"/proc/{process.pid}/task").iterdir()
    return {os.getpriority(os.PRIO_PROCESS, int(thread.name)) for thread in threads}
