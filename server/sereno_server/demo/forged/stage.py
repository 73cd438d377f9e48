"""What an attempt has at hand: the attacker's server, people's keys, the machine, and a measure of what happened there.

The keys stand for what people might be tricked into signing with other tools.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sereno_proto import sshsig
from sereno_proto.errors import Refused, SerenoError
from sereno_proto.ids import new_id, sha256
from sereno_proto.v1.runs_pb2 import Command, ExecutePlan, MakePlan, Reply, Signature, Step
from sereno_server.demo import machine
from sereno_server.demo.people import key_path
from sereno_server.demo.place import Place
from sereno_server.runs.playbooks import compile_playbook

if TYPE_CHECKING:
    import subprocess

PLAYBOOK = "disk.free_space"
PARAMETERS = {"folder": "app-logs", "file": "app-config", "digest": sha256(machine.ROTATING.encode())}
HARMLESS = frozenset({"plan.issued", "plan.dropped", "plan.refused", "run.refused", "roster.refused"})
ACTS = ("run.",)  # rows of the local ledger that say something was carried out, but for run.refused


class Backdoor:
    """The attacker's wishes, and what the device said to them."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process

    def wish(self, **wish: Any) -> dict[str, Any]:
        """One line there and one back; a refusal of the device is raised with its code."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(wish).encode() + b"\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise SerenoError("E_INTERNAL", "the attacker's server ended")
        answer: dict[str, Any] = json.loads(line)
        if "code" in answer:
            raise Refused(answer["code"], answer["what"])
        return answer

    def send(self, command: Command) -> Reply:
        """A command to the device, past every check of the server's own."""
        packed = base64.b64encode(command.SerializeToString()).decode()
        return Reply.FromString(base64.b64decode(self.wish(command=packed)["reply"]))

    def sql(self, statement: str, **values: Any) -> int:
        """Changes the database; gives the number of rows."""
        packed = {
            key: {"base64": base64.b64encode(value).decode()} if isinstance(value, bytes) else value
            for key, value in values.items()
        }
        return int(self.wish(sql=statement, values=packed)["rows"])


class Stage:
    """The attempts' view of the world."""

    def __init__(self, place: Place, backdoor: Backdoor, owner: Callable[..., object]) -> None:
        """owner: runs `sereno-agent ARGUMENTS` on the machine, as only its owner can."""
        self.place, self.backdoor, self.owner = place, backdoor, owner
        self.carried_out = b""  # the plan that people really wanted, once it was carried out
        self.before = self.files()  # as the machine was when the last command was sent

    def send(self, command: Command) -> Reply:
        """Sends a command and notes how the machine was just before; a refusal is raised with its code."""
        self.before = self.files()
        return self.backdoor.send(command)

    def make_plan(self, requester: str = "noa", steps: Sequence[Step] | None = None) -> bytes:
        """A plan that the device really issues; the server names the requester, and may lie."""
        steps = compile_playbook(PLAYBOOK, PARAMETERS) if steps is None else steps
        wanted = MakePlan(run_id=new_id("run"), playbook=PLAYBOOK, steps=steps, requester=requester)
        return bytes(self.send(Command(make_plan=wanted)).plan_issued.plan_text)

    def execute(self, text: bytes, signatures: Iterable[Signature]) -> None:
        """Sends plan and signatures to the device; a refusal is raised with its code."""
        self.send(Command(execute_plan=ExecutePlan(plan_text=text, signatures=signatures)))

    def sign(self, text: bytes, purpose: str, person: str, key: str = "approve") -> Signature:
        """A signature with a key that lies in the demo's folder; `key` is its purpose there."""
        namespace = sshsig.REQUEST_NAMESPACE if purpose == "request" else sshsig.APPROVE_NAMESPACE
        armored = sshsig.FileSigner(key_path(self.place, person, key)).sign(text, namespace)
        return Signature(person=person, purpose=purpose, armored=armored)

    def all_signatures(self, text: bytes) -> list[Signature]:
        """Everything a plan needs: noa asks, iker and ane approve."""
        return [
            self.sign(text, "request", "noa"),
            self.sign(text, "approve", "iker"),
            self.sign(text, "approve", "ane"),
        ]

    def break_again(self) -> None:
        """Puts the machine into the state that the playbook mends: rotation off, too many logs."""
        self.place.app_config.write_text(machine.NOT_ROTATING)
        for number in range(4):
            suffix = f".{number}" if number else ""
            (self.place.app_logs / f"app.log{suffix}").write_bytes(b"INFO order accepted\n" * 60_000)

    def ledger(self) -> list[dict[str, Any]]:
        """The device's own ledger."""
        return [json.loads(line) for line in (self.place.agent / "ledger.jsonl").read_text().splitlines()]

    def acts(self) -> list[dict[str, Any]]:
        """The rows of the local ledger that tell of something carried out."""
        return [row for row in self.ledger() if row["verb"].startswith(ACTS) and row["verb"] not in HARMLESS]

    def files(self) -> dict[str, tuple[int, int, str]]:
        """Every file an action could touch, and every pin: its inode, size and digest."""
        watched = [self.place.app_config, *self.place.app_logs.rglob("*"), *(self.place.agent / "pins").iterdir()]
        watched += [self.place.agent / "tls" / "client.pem"]
        return {str(path): _identity(path) for path in watched if path.is_file()}


def _identity(path: Path) -> tuple[int, int, str]:
    status = path.stat()
    return status.st_ino, status.st_size, hashlib.sha256(path.read_bytes()).hexdigest()
