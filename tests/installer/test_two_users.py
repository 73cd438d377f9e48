"""Core and executor as two users, really: what the core cannot write, and that a signed plan is carried out anyway.

install.sh lays out the folders in a scratch root; a thread stands in for systemd, which holds the executor's socket and
starts an executor for each connection; the core is a process of its own that talks to a Link server.
"""

import asyncio
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest
from tests.agent.certificates import authority
from tests.agent.executor.house import House, step
from tests.agent.link_server import LinkServer, serving
from tests.installer.scratch import (
    CORE,
    EXECUTOR,
    GROUP,
    STRANGER,
    as_user,
    install,
    key,
    open_folder,
    program,
    release,
)

from sereno_agent import cli, doctor_installation, ledger
from sereno_agent.config import Joined, write_joined
from sereno_agent.delimited import encode
from sereno_agent.folders import Folders
from sereno_agent.ownership import settle
from sereno_proto.v1.link_pb2 import Down, Up
from sereno_proto.v1.runs_pb2 import RUN_STATE_SUCCEEDED, Command, ExecutePlan, MakePlan

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can run processes as two other users"),
    pytest.mark.skipif(shutil.which("setpriv") is None, reason="setpriv is not there"),
]

WRITE_WHAT_THE_CORE_MAY_NOT = """
import os, sys
from pathlib import Path
reached = []
def attempt(what, act):
    try:
        act()
    except OSError:
        return
    reached.append(what)
for given in sys.argv[1:]:
    path = Path(given)
    if os.path.isdir(path):
        attempt(f"make in {path}", lambda: (path / "intruder").write_text("x"))
        attempt(f"make folder in {path}", lambda: (path / "core2").mkdir())
    else:
        attempt(f"write {path}", lambda: os.close(os.open(path, os.O_WRONLY)))
        attempt(f"append {path}", lambda: os.close(os.open(path, os.O_WRONLY | os.O_APPEND)))
        attempt(f"remove {path}", path.unlink)
    attempt(f"rename {path}", lambda: path.rename(path.with_name(path.name + ".moved")))
    attempt(f"open up {path}", lambda: path.chmod(0o777))
print(*reached, sep="\\n", end="")
"""


@dataclass
class Machine:
    """An installed machine in a scratch root."""

    house: House
    folders: Folders
    python: str
    site: Path
    log: Path
    started: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    def run(self, user: int, *argv: str) -> "subprocess.CompletedProcess[str]":
        command = as_user(user, self.python, "-P", *argv)
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False, timeout=60)

    @property
    def environment(self) -> dict[str, str]:
        return {"PYTHONPATH": str(self.site), "PATH": os.environ["PATH"]}

    @contextmanager
    def socket_held(self, at: Path | None = None, mode: int = 0o600) -> Iterator[None]:
        """What systemd does with sereno-executor.socket and sereno-executor@.service."""
        path = at or self.folders.executor_socket
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(str(path))
            os.chown(path, CORE, GROUP)
            path.chmod(mode)
            listening.listen()
            accepting = threading.Thread(target=self._accept, args=(listening,))
            accepting.start()
            try:
                yield
            finally:
                listening.shutdown(socket.SHUT_RDWR)
                accepting.join()
                for process in self.started:
                    if process.poll() is None:
                        process.kill()
                    process.wait()
                path.unlink()

    def _accept(self, listening: socket.socket) -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                argv = [self.python, "-P", "-m", "sereno_agent.executor", "--state", str(self.folders.state)]
                self.started.append(
                    subprocess.Popen(
                        as_user(EXECUTOR, *argv), stdin=connection, stdout=connection, env=self.environment
                    )
                )


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with open_folder() as folder:
        try:
            python, site = program(folder)
        except LookupError as error:
            pytest.skip(str(error))
        made = folder / "made"
        made.mkdir()
        signing = key(made / "key")
        root = folder / "root"
        root.mkdir(mode=0o755)
        done = install(release(made, signing, "1.0.0"), root, "--key", f"{signing}.pub")
        assert done.returncode == 0, done.stderr
        folders = Folders(root / "var/lib/sereno-agent")
        house = House(made, tmp_path_factory.mktemp("keys"))
        for name in ("identity", "pins"):
            shutil.copytree(house.folders.state / name, folders.state / name, dirs_exist_ok=True)
        folders.root_signatures.write_text("[]")
        tls = authority()
        client_key, chain = tls.pair("dev_test")
        folders.client_key.write_bytes(client_key)
        folders.client_pem.write_bytes(chain)
        folders.ca_pem.write_bytes(tls.pem)
        write_joined(folders.joined, Joined(house.id, "web-1", house.organisation, "127.0.0.1:1"))
        settle(folders)
        logs = folder / "logs"
        logs.mkdir(mode=0o755)
        log = logs / "app.log"
        log.write_bytes(b"a line\n" * 1000)
        for path in (logs, log):
            os.chown(path, EXECUTOR, GROUP)
        for words in (
            ("folders.app-logs.path", str(logs)),
            ("folders.app-logs.rotate", "*.log"),
            ("actions.allow", "rotate_logs"),
        ):
            assert cli.main(["policy", "set", *words, "--state", str(folders.state)]) == 0
        yield Machine(house, folders, python, site, log)


def test_the_core_can_write_no_pins_policy_nonces_or_ledger(machine: Machine) -> None:
    folders = machine.folders
    (folders.plans / "pln_1.used").write_text("a nonce")
    settle(folders)
    policy = folders.state.parents[2] / "etc/sereno-agent/policy.toml"
    kept = [*doctor_installation.kept_from_core(folders), folders.plans / "pln_1.used", policy, folders.client_pem]
    assert len(kept) > 14
    done = machine.run(CORE, "-c", WRITE_WHAT_THE_CORE_MAY_NOT, *map(str, kept))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    read = "import sys; open(sys.argv[1]).read()"
    for path in (folders.identity_key, folders.plans / "pln_1.used"):
        assert "PermissionError" in machine.run(CORE, "-c", read, str(path)).stderr
    for path in (folders.joined, folders.client_key, folders.roster_text, folders.ledger, policy):
        assert machine.run(CORE, "-c", read, str(path)).returncode == 0, path
    proof = machine.run(CORE, "-c", WRITE_WHAT_THE_CORE_MAY_NOT, str(folders.core / "spool"))
    assert f"make in {folders.core}/spool" in proof.stdout, "its own it can write, or this measured nothing"
    (folders.plans / "pln_1.used").unlink()


def test_doctor_and_lockdown_know_the_two_users(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    state = ["--state", str(machine.folders.state)]
    cli.main(["doctor", "--offline", *state])
    assert (
        f"ok   the core's user {CORE} may write no pins, policy, plans, ledger or identity" in capsys.readouterr().out
    )
    refused = machine.run(CORE, "-m", "sereno_agent", "lockdown", "on", *state)
    assert (refused.returncode, "permission denied" in refused.stderr) == (1, True)
    assert cli.main(["lockdown", "on", *state]) == 0
    try:
        lifted = machine.run(CORE, "-m", "sereno_agent", "lockdown", "off", *state)
        assert lifted.returncode == 1, "a broken core cannot lift it"
        assert machine.folders.lockdown.exists()
    finally:
        assert cli.main(["lockdown", "off", *state]) == 0
    assert machine.folders.ledger.stat().st_uid == EXECUTOR


def test_the_executor_answers_the_core_and_root_and_nobody_else(machine: Machine) -> None:
    ask = (
        "import socket, sys; s = socket.socket(socket.AF_UNIX); s.settimeout(30); s.connect(sys.argv[1]);"
        "s.sendall(bytes.fromhex(sys.argv[2])); print(s.recv(65536))"
    )
    question = encode(Command(id="cmd_x", make_plan=MakePlan(requester="nobody-here"))).hex()
    with machine.socket_held():
        path = str(machine.folders.executor_socket)
        assert "E_REQUESTER_UNKNOWN" in machine.run(CORE, "-c", ask, path, question).stdout
        assert "PermissionError" in machine.run(STRANGER, "-c", ask, path, question).stderr
    public = machine.site.parent / "public.sock"
    with machine.socket_held(public, 0o666):  # as if it had been put where everybody can reach it
        assert "E_REQUESTER_UNKNOWN" in machine.run(CORE, "-c", ask, str(public), question).stdout
        for user in (STRANGER, EXECUTOR):
            told = machine.run(user, "-c", ask, str(public), question)
            assert "E_" not in told.stdout, "whoever it is gets no answer"
        assert [process.wait(30) for process in machine.started[-2:]] == [2, 2]


def test_a_signed_plan_goes_through_the_socket_and_is_carried_out(machine: Machine) -> None:
    with machine.socket_held():
        asyncio.run(_plan_and_run(machine))
        deadline = time.monotonic() + 30
        while any(process.poll() is None for process in machine.started) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert [process.returncode for process in machine.started[-1:]] == [0], "it ends when the core has gone"
    folders = machine.folders
    assert machine.log.stat().st_size == 0
    assert len(list(machine.log.parent.iterdir())) == 2
    assert list(folders.runs.glob("*.journal")) == []
    verbs = [row.verb for row in ledger.rows(folders.ledger)]
    assert verbs.count("run.succeeded") == 1
    assert {"plan.issued", "run.refused", "run.approved"} <= set(verbs)
    used = list(folders.plans.glob("pln_*.used"))
    assert [path.stat().st_uid for path in used] == [EXECUTOR]
    assert folders.status.stat().st_uid == CORE


async def _plan_and_run(machine: Machine) -> None:
    """What a server does with the core: a plan, a refusal without signatures, the run, a refusal to run it again."""
    house, folders = machine.house, machine.folders
    server, tls = LinkServer(), authority()

    def reply(command_id: str) -> Up | None:
        return next((up for up in server.passing if up.reply.command_id == command_id), None)

    async def command(command_id: str, **body: object) -> Up:
        server.downs.put_nowait(Down(command=Command(id=command_id, **body)))
        await server.until(lambda: reply(command_id) is not None)
        found = reply(command_id)
        assert found is not None
        return found

    key_pem, chain = tls.pair("dev_test")
    folders.client_key.write_bytes(key_pem)
    folders.client_pem.write_bytes(chain)
    folders.ca_pem.write_bytes(tls.pem)
    async with serving(server, tls) as port:
        write_joined(folders.joined, Joined(house.id, "web-1", house.organisation, f"127.0.0.1:{port}"))
        settle(folders)
        argv = [machine.python, "-P", "-m", "sereno_agent", "run", "--state", str(folders.state)]
        core = await asyncio.create_subprocess_exec(*as_user(CORE, *argv), env=machine.environment)
        try:
            await server.until(lambda: bool(server.hellos))
            wanted = MakePlan(
                run_id="run_1", playbook="disk.free_space", steps=[step("rotate", "rotate_logs")], requester="noa"
            )
            planned = (await command("cmd_1", make_plan=wanted)).reply
            assert planned.HasField("plan_issued"), planned
            text = planned.plan_issued.plan_text
            assert str(machine.log).encode() in text
            unsigned = await command("cmd_2", execute_plan=ExecutePlan(plan_text=text))
            assert unsigned.reply.refusal.code.startswith("E_")
            signatures = [house.request(text), house.approve(text)]
            accepted = await command("cmd_3", execute_plan=ExecutePlan(plan_text=text, signatures=signatures))
            assert accepted.reply.HasField("accepted"), accepted
            await server.until(lambda: any(up.run_event.state == RUN_STATE_SUCCEEDED for up in server.committed))
            again = await command("cmd_4", execute_plan=ExecutePlan(plan_text=text, signatures=signatures))
            assert again.reply.refusal.code == "E_PLAN_REPLAYED"
            assert psutil.Process(core.pid).uids().real == CORE
        finally:
            core.terminate()
            assert await core.wait() == 0
