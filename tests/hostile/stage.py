"""What a way has at hand: two machines, people with keys and passkeys, the attacker's server, and its lying mouth."""

import base64
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.hostile.liar import Liar
from tests.proto.software_passkey import SoftwarePasskey

from sereno_playbooks import registry
from sereno_proto import passkeys, sshsig
from sereno_proto.errors import SerenoError
from sereno_proto.grants import BOUNDS, NAMESPACES, TARGETS_MAX, Grant, GrantedDevice, write_grant
from sereno_proto.ids import new_id
from sereno_proto.plan import read_plan
from sereno_proto.planned_step import PlannedStep
from sereno_proto.roster import read_roster
from sereno_proto.v1.link_pb2 import Down
from sereno_proto.v1.runs_pb2 import Command, OfferGrant, Reply, RunCheck, Signature
from sereno_server.cli.workstation import Workstation
from sereno_server.demo.forged.stage import Stage
from sereno_server.demo.people import key_path
from sereno_server.demo.processes import Waiting, told
from sereno_server.demo.world import World

SPARE_S = 15  # of a plan's life, that a way may need


class HostileStage(Stage):
    """The forged drill's stage with a second machine and with people who can be lied to."""

    world: World
    liar: Liar
    passkeys: dict[str, SoftwarePasskey]
    second: str  # the second machine's device id
    early: tuple[bytes, list[Signature]]
    honest_grant: tuple[Grant, bytes, list[Signature]]
    _plan = b""

    # documents

    @property
    def joined(self) -> dict[str, Any]:
        """What the first machine knows of itself."""
        return dict(json.loads((self.place.agent / "joined.json").read_text()))

    def plan(self) -> bytes:
        """A plan that the device issued and holds; refused attempts leave it there, so many share one."""
        if not self._plan or read_plan(self._plan).expires < datetime.now(UTC) + timedelta(seconds=SPARE_S):
            self._plan = self.make_plan()
        self.before = self.files()
        return self._plan

    def signed(self, text: bytes, namespace: str, person: str, key: str = "approve") -> str:
        """A person's signature in whatever namespace they were tricked into."""
        return sshsig.FileSigner(key_path(self.place, person, key)).sign(text, namespace)

    def approve_with(self, armored: str, *others: Signature, text: bytes = b"") -> None:
        """noa asks for the plan, the armored signature says that somebody approves, the others too."""
        text = text or self.plan()
        approval = Signature(person="iker", purpose="approve", armored=armored)
        self.execute(text, [self.sign(text, "request", "noa"), approval, *others])

    def assert_with(self, **said: Any) -> None:
        """Approves by iker's passkey, with an answer that says something else in one place."""
        text = self.plan()
        made = self.passkeys["iker"].assertion(text, sshsig.APPROVE_NAMESPACE, **said)
        self.approve_with(passkeys.armor(made), self.sign(text, "approve", "ane"), text=text)

    def roster(self) -> Any:
        """The last roster that the root signed."""
        return read_roster(Workstation(self.place.workstation).read("roster")[0])

    # grants

    def grant(self, **changes: Any) -> Grant:
        """Bounds as honest people would sign them: old logs of the first machine, once, within the hour."""
        now = datetime.now(UTC).replace(microsecond=0)
        action = "remove_old_files"
        step = PlannedStep(
            "remove the oldest files",
            {"folder": "app-logs"},
            action=action,
            code=registry.action_code(action),
            risk=registry.risk_of(action),
            bounds={**registry.limits_of(action), TARGETS_MAX: 50},
        )
        grant = Grant(
            kind=BOUNDS,
            id=new_id("grt"),
            nonce=os.urandom(16).hex(),
            organisation_id=self.joined["organisation_id"],
            requester="noa",
            playbook="disk.free_space",
            ticket_id="",
            risk=step.risk,
            roster_version_min=self.roster().version,
            not_before=now - timedelta(minutes=1),
            expires=now + timedelta(hours=1),
            devices=(GrantedDevice(self.joined["device_id"], self.joined["name"]),),
            steps=(step,),
        )
        return replace(grant, **changes)

    def sign_grant(self, text: bytes, kind: str, *people: tuple[str, str]) -> list[Signature]:
        """(person, key) after (person, key); the first asks, the others approve. Without any: noa, iker, ane."""
        people = people or (("noa", "approve"), ("iker", "approve"), ("ane", "approve"))
        signatures = []
        for number, (person, key) in enumerate(people):
            purpose = "approve" if number else "request"
            armored = self.signed(text, NAMESPACES[kind][purpose], person, key)
            signatures.append(Signature(person=person, purpose=purpose, armored=armored))
        return signatures

    def offer(self, grant: Grant, *people: tuple[str, str]) -> None:
        """Signs a grant and hands it to the device."""
        text = write_grant(grant)
        self.offer_text(text, self.sign_grant(text, grant.kind, *people))

    def offer_text(self, text: bytes, signatures: list[Signature]) -> None:
        """Hands any text to the device as a grant."""
        self.send(Command(offer_grant=OfferGrant(text=text, signatures=signatures, run_id=new_id("run"))))

    # the wire

    def check(self, name: str, **parameters: str) -> Reply:
        """Asks for a check."""
        return self.send(Command(run_check=RunCheck(check=name, parameters=parameters)))

    def push(self, **body: Any) -> None:
        """Sends any message, and waits for nothing."""
        self.backdoor.wish(down=_packed(Down(**body)))

    def on_second(self, command: Command) -> Reply:
        """Sends a command to the second machine."""
        self.backdoor.wish(aim=self.second)
        try:
            return self.backdoor.send(command)
        finally:
            self.backdoor.wish(aim=self.joined["device_id"])

    # people

    def person(self, *words: str, answer: str = "") -> str:
        """Runs `sereno WORDS` as a person would; their error is raised, what they read is given."""
        done = subprocess.run(
            [sys.executable, "-m", "sereno_server.cli.main", *words],
            input=answer,
            capture_output=True,
            text=True,
            env=self.world.environment,
            timeout=90,
            check=False,
        )
        self.read = done.stdout + done.stderr
        if done.returncode:
            raise told(done.stderr, "the command failed")
        return done.stdout

    def waiting_run(self) -> str:
        """A run that noa asked for, whose plan is there: it waits for signatures."""
        client = self.world.client("noa")
        body = {"playbook": "disk.free_space", "parameters": {"folder": "app-logs"}}
        run_id = str(client.post(f"/api/v1/devices/{self.joined['device_id']}/runs", body)["run_id"])
        for _ in Waiting("the plan", 60):
            view = client.get(f"/api/v1/runs/{run_id}")
            if view["state"] == "planned":
                return run_id
            if view["state"] != "planning":
                raise SerenoError("E_INTERNAL", f"{run_id} is {view['state']}: {view['what']}")
        raise AssertionError

    # the owner of the machine

    @contextmanager
    def agent_stopped(self) -> Any:
        """While the agent is down; it comes back with whatever the way did to its folder."""
        self.world.processes.stop("agent")
        for _ in Waiting("the server to notice", 60):
            if not self.world.device()["connected"]:
                break
        try:
            yield
        finally:
            self.world.run_agent()
            self.world.wait_until_connected()

    # the measure

    def files(self) -> dict[str, tuple[int, int, str]]:
        """Both machines."""
        found = super().files()
        other = self.place.folder / "machine-2"
        precious = self.place.folder.glob("precious*")
        pins = [*(self.place.folder / "agent-2" / "pins").rglob("*")]
        return found | {str(path): _look(path) for path in [*other.rglob("*"), *pins, *precious] if path.is_file()}

    def all_acts(self) -> list[dict[str, Any]]:
        """What both ledgers say was carried out."""
        path = self.place.folder / "agent-2" / "ledger.jsonl"
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        return self.acts() + [row for row in rows if row["verb"].startswith("run.") and row["verb"] != "run.refused"]


def edited(text: bytes, key: str, value: str) -> bytes:
    """The text with one line changed, otherwise as it was."""
    lines = text.decode("ascii").splitlines(keepends=True)
    changed = [f"{key}: {value}\n" if line.startswith(f"{key}: ") else line for line in lines]
    if changed == lines:
        raise AssertionError(f"no line {key}")
    return "".join(changed).encode("ascii")


def changed_policy(stage: Stage, change: Callable[[str], str], then: Callable[[], object]) -> None:
    """What the machine's owner edits, for the time of one way."""
    path = stage.place.agent / "policy.toml"
    before = path.read_text()
    path.write_text(change(before))
    try:
        then()
    finally:
        path.write_text(before)


@contextmanager
def afterwards(stage: HostileStage, undo: Callable[[], object]) -> Iterator[None]:
    """Undoes what the way itself did to the machine, after looking whether the device did anything."""
    try:
        yield
    finally:
        harmed = stage.files() != stage.before
        undo()
        stage.before = stage.files()
        if harmed:
            raise AssertionError("the device changed something")


def _look(path: Path) -> tuple[int, int, str]:
    status = path.stat()
    return status.st_ino, status.st_size, path.read_bytes().hex()[:64]


def _packed(message: Down) -> str:
    return base64.b64encode(message.SerializeToString()).decode()
