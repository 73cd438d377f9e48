"""Actions by real workers: the policy read from its file, programs really started, processes really signalled."""

import os
import signal
import subprocess
import sys

import pytest

from sereno_agent import workers
from sereno_playbooks.action import ActionFailed
from sereno_proto.errors import Refused
from sereno_proto.v1.runs_pb2 import Step

pytestmark = pytest.mark.slow
MARK = f"sereno-worker-actions-{os.getpid()}"
POLICY = """
[templates.limits]
path = "{conf}"
text = "workers = {{workers}}\\n"
validate = ["/bin/grep", "-q", "workers = [1-8]$", "{{file}}"]
slots.workers = {{minimum = 1, maximum = 64}}
[processes.worker]
program = "{program}"
argument = "{mark}"
allow = ["kill"]
[services.web]
unit = "no-such-unit-of-sereno.service"
allow = ["restart"]
[actions]
allow = ["write_template", "kill_process", "restart_service"]
"""


@pytest.fixture
def where(tmp_path):
    top = tmp_path.resolve()
    (top / "state" / "versions").mkdir(parents=True)
    program = os.path.basename(sys.executable)[:15]  # noqa: PTH119, as the kernel calls it
    policy = top / "state" / "policy.toml"
    policy.write_text(POLICY.format(conf=top / "limits.conf", program=program, mark=MARK))
    policy.chmod(0o600)
    (top / "limits.conf").write_text("workers = 2\n")
    return {"policy_path": policy, "state": top / "state"}


def plan(where, action, **parameters):
    return workers.plan_action(Step(name=action, action=action, parameters=parameters), **where)


def test_a_template_is_checked_by_the_owners_program_before_it_is_in_place(where):
    conf = where["state"].parent / "limits.conf"
    step = plan(where, "write_template", template="limits", settings="workers=5")
    workers.verify_action(step, **where)
    assert conf.read_text() == "workers = 2\n"
    outcome = workers.apply_action(step, **where)
    assert conf.read_text() == "workers = 5\n"
    assert workers.revert_action(step, outcome.undo_data, **where).complete
    assert conf.read_text() == "workers = 2\n"
    with pytest.raises(ActionFailed) as caught:
        workers.apply_action(plan(where, "write_template", template="limits", settings="workers=50"), **where)
    assert caught.value.code == "E_REQUIRE_FAILED"
    assert conf.read_text() == "workers = 2\n"


def test_a_process_is_ended_by_a_worker(where):
    code = "import time; print('ready', flush=True); time.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", code, MARK], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"ready\n"
        try:
            step = plan(where, "kill_process", process="worker")
            assert process.poll() is None
            workers.apply_action(step, **where)
            assert process.wait() == -signal.SIGTERM
        finally:
            process.kill()


def test_a_service_that_is_not_there_or_no_systemd_is_said_so(where):
    with pytest.raises(Refused) as caught:
        plan(where, "restart_service", service="web")
    assert caught.value.code in {"E_NOT_FOUND", "E_PROGRAM_FAILED"}


def test_what_a_program_says_is_redacted_before_it_leaves_the_worker(where):
    policy = where["policy_path"]
    policy.write_text(policy.read_text().replace('"/bin/grep", "-q"', '"/bin/ls", "/item-4711"') + (
        '[redact]\npatterns = ["item-[0-9]+"]\n'
    ))  # fmt: skip
    step = plan(where, "write_template", template="limits", settings="workers=5")
    with pytest.raises(ActionFailed) as caught:
        workers.apply_action(step, **where)
    assert caught.value.code == "E_REQUIRE_FAILED"
    assert "No such file" in caught.value.what
    assert "4711" not in caught.value.what
