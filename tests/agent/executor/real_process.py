"""The core's end of the pipes to a real executor process."""

import contextlib
import os
import signal
import subprocess
import sys
import time

from sereno_agent.delimited import Decoder, encode
from sereno_proto.v1.link_pb2 import Up
from sereno_proto.v1.runs_pb2 import Command, ExecutePlan, MakePlan, RunState

PATIENCE_S = 30


class Process:
    """The core's end of the pipes."""

    def __init__(self, house):
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "sereno_agent.executor", "--state", str(house.folders.state)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={"PYTHONPATH": os.pathsep.join(path for path in sys.path if path), "PATH": os.environ["PATH"]},
        )
        os.set_blocking(self.process.stdout.fileno(), False)
        self.decoder = Decoder()
        self.received = []

    def send(self, **body):
        self.process.stdin.write(encode(Command(id="cmd_1", **body)))
        self.process.stdin.flush()

    def receive(self, wanted):
        """The first message for which `wanted` is true."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            found = next((up for up in self.received if wanted(up)), None)
            if found is not None:
                self.received.remove(found)
                return found
            chunk = self.process.stdout.read()
            if chunk:
                self.received += self.decoder.feed(chunk, Up.FromString)
            else:
                assert chunk is None, "the executor closed its output"
                time.sleep(0.01)
        raise AssertionError(f"not received: {self.received}")

    def reply(self, **body):
        self.send(**body)
        return self.receive(lambda up: up.WhichOneof("body") == "reply").reply

    def event(self, state):
        return self.receive(lambda up: RunState.Name(up.run_event.state) == f"RUN_STATE_{state}").run_event

    def close(self):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        code = self.process.wait(PATIENCE_S)
        self.process.stdout.close()
        return code

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(PATIENCE_S)
        self.process.stdin.close()
        self.process.stdout.close()


def make(process, *steps):
    wanted = MakePlan(run_id="run_1", playbook="disk.free_space", steps=steps, requester="noa")
    reply = process.reply(make_plan=wanted)
    assert reply.WhichOneof("body") == "plan_issued", reply
    return reply.plan_issued.plan_text


def send_execute(house, process, text):
    signatures = [house.request(text), house.approve(text)]
    process.send(execute_plan=ExecutePlan(plan_text=text, signatures=signatures))


def execute(house, process, text):
    send_execute(house, process, text)
    return process.receive(lambda up: up.WhichOneof("body") == "reply").reply
