"""One device with its organisation: root, roster, people with keys, policy, and an executor whose workers are fakes."""

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from sereno_agent import config
from sereno_agent.config import Joined
from sereno_agent.executor.device import Device
from sereno_agent.executor.executor import Executor
from sereno_agent.executor.run import Waiting
from sereno_agent.folders import Folders
from sereno_playbooks.action import ActionFailed, Outcome
from sereno_proto import sshsig
from sereno_proto.errors import BadInput, Refused, SerenoError
from sereno_proto.ids import device_id, organisation_id, sha256
from sereno_proto.planned_step import PlannedStep, Require, Subject, Target
from sereno_proto.root import Root, write_root
from sereno_proto.roster import DEFAULT_THRESHOLDS, Person, Roster, RosterKey, write_roster
from sereno_proto.sshsig import APPROVE_NAMESPACE, REQUEST_NAMESPACE, FileSigner
from sereno_proto.v1.runs_pb2 import (
    CheckResult,
    Command,
    EventsKept,
    ExecutePlan,
    Finding,
    MakePlan,
    OfferRoster,
    Reply,
    Requirement,
    RunEvent,
    Signature,
    Step,
)

if TYPE_CHECKING:
    from sereno_proto.v1.link_pb2 import Up

START_MS = 1_800_000_000_000
RISKS = {"rotate_logs": "medium", "tidy": "low", "format_disk": "high", "forbidden": "low"}
PEOPLE = {
    "noa": ("technician", ("approve",)),
    "ana": ("approver", ("approve", "approve", "session")),
    "ben": ("approver", ("approve",)),
    "rui": ("administrator", ("approve",)),
}


class FakeWorkers:
    """Plans one target, the house's log; remembers what was applied and reverted; fails where told to."""

    def __init__(self, log: Path) -> None:
        self.log = log
        self.applied: list[str] = []
        self.reverted: list[str] = []
        self.failing: dict[str, SerenoError] = {}
        self.free_percent: list[float] = [50.0]
        self.on_apply = lambda step: None
        self.boot = lambda: ""

    def plan_action(self, step: Step, *, policy_path: Path, state: Path) -> PlannedStep:
        compare = lambda items: tuple(  # noqa: E731
            Require(one.check, dict(one.parameters), one.figure, one.comparison, one.value, one.within_s)
            for one in items
        )
        if step.parameters.get("folder", "app-logs") != "app-logs":
            raise BadInput("E_OUTSIDE_POLICY", f"no folder is called {step.parameters['folder']}")
        planned = PlannedStep(
            name=step.name,
            parameters=dict(step.parameters),
            check=step.check,
            on_failure=step.on_failure or "undo",
            require=compare(step.require),
            when=compare(step.when),
        )
        if step.check:
            return planned
        if step.action == "reboot_machine":
            subjects = (Subject("machine", self.boot(), "up", "rebooted"),)
            return replace(planned, action=step.action, code="sha256:" + "f" * 64, risk="low", subjects=subjects)
        target = Target(str(self.log), self.log.stat().st_ino, sha256(self.log.read_bytes()), "truncated")
        return replace(
            planned,
            action=step.action,
            code="sha256:" + "f" * 64,
            risk="low",  # a worker's word; the executor asks its own registry
            effect=f"{step.action} does its work.",
            undo="puts everything back",
            targets=(target,),
            bounds={"bytes-removed-max": 1000},
        )

    def verify_action(self, step: PlannedStep, *, policy_path: Path, state: Path) -> None:
        for target in step.targets:
            path = Path(target.path)
            if path.is_symlink() or path.stat().st_ino != target.inode or sha256(path.read_bytes()) != target.before:
                raise Refused("E_TARGET_DRIFTED", f"{path} changed")

    def apply_action(self, step: PlannedStep, *, policy_path: Path, state: Path) -> Outcome:
        self.on_apply(step)
        if step.name in self.failing:
            raise self.failing[step.name]
        self.applied.append(step.name)
        return Outcome(f"{step.name} done", f"undo of {step.name}")

    def revert_action(self, step: PlannedStep, undo_data: str, *, policy_path: Path, state: Path) -> Outcome:
        if f"undo {step.name}" in self.failing:
            raise self.failing[f"undo {step.name}"]
        self.reverted.append(undo_data)
        return Outcome(f"{step.name} undone")

    def run_check_sync(self, name: str, parameters: dict[str, str], *, policy_path: Path, state: Path) -> CheckResult:
        value = self.free_percent.pop(0) if len(self.free_percent) > 1 else self.free_percent[0]
        finding = Finding(check=name, title=f"{value} % free", figures={"free_percent": value})
        return CheckResult(findings=[finding])


class FakeCatalogue:
    def __init__(self) -> None:
        self.risks = dict(RISKS)
        self.version = "1"

    def risk_of(self, name: str) -> str:
        if name not in self.risks:
            raise BadInput("E_ACTION_UNKNOWN", f"no action is called {name}")
        return self.risks[name]

    def action_code(self, name: str) -> str:
        self.risk_of(name)
        return sha256(f"{name} {self.version}".encode())


class House:
    """Everything an honest organisation has; the attacker's tests take parts of it and lie with them."""

    def __init__(self, folder: Path, keys: Path, name: str = "web-1") -> None:
        self.now_ms = START_MS
        self.boot = "boot-1"
        self.slept: list[float] = []
        self.folder = folder
        self.keys = keys
        self.root = self.key("root")
        self.root_text = write_root(Root("Acme", 1, (self.root.public_key,)))
        self.organisation = organisation_id(self.root_text)
        self.folders = Folders(folder / name)
        self.folders.make()
        self.log = folder / f"{name}.log"
        self.log.write_bytes(b"a line\n" * 10)
        self.identity = sshsig.generate(self.folders.identity_key)
        self.id = device_id(self.identity.public_key.raw_ed25519())
        config.write_joined(self.folders.joined, Joined(self.id, name, self.organisation, "localhost:1"))
        self.write_policy("rotate_logs", "tidy", "format_disk")
        self.folders.root_text.write_bytes(self.root_text)
        self.roster = self.make_roster(3)
        self.pin(self.roster)
        self.workers = FakeWorkers(self.log)
        self.workers.boot = lambda: self.boot
        self.catalogue = FakeCatalogue()
        self.sent: list[Up] = []
        self.executor = self.start()

    def key(self, name: str) -> FileSigner:
        """A person's key, made once a session: key files are named after whom they are for."""
        path = self.keys / name
        return FileSigner(path) if path.exists() else sshsig.generate(path)

    @property
    def now(self) -> datetime:
        return datetime.fromtimestamp(self.now_ms / 1000, UTC)

    def start(self) -> Executor:
        """A new executor on the same folder, as after a restart."""
        device = Device(
            id=self.id,
            name=self.folders.state.name,
            organisation_id=self.organisation,
            signer=self.identity,
            folders=self.folders,
            policy_path=self.folders.policy,
            plan_valid_s=1800,
            workers=self.workers,
            catalogue=self.catalogue,
            boot_id=lambda: self.boot,
        )
        self.executor = Executor(device, lambda: self.now_ms, self.sent.append, Waiting(self.monotonic, self.sleep))
        self.executor.start()
        return self.executor

    def monotonic(self) -> float:
        return sum(self.slept)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def write_policy(self, *actions: str) -> None:
        allowed = ", ".join(json.dumps(action) for action in actions)
        self.folders.policy.write_text(
            f'[folders.app-logs]\npath = "{self.folder}"\nrotate = ["*.log"]\n[actions]\nallow = [{allowed}]\n'
        )
        self.folders.policy.chmod(0o600)

    # the roster

    def make_roster(self, version: int, *, days: int = 30, issued: datetime | None = None, **changes) -> Roster:
        persons = tuple(
            Person(
                name,
                name.title(),
                role,
                tuple(
                    RosterKey(purpose, self.key(f"{name}-{number}-{purpose}").public_key)
                    for number, purpose in enumerate(purposes)
                ),
            )
            for name, (role, purposes) in PEOPLE.items()
        )
        issued = issued or self.now
        return replace(
            Roster(self.organisation, version, issued, issued + timedelta(days=days), persons, DEFAULT_THRESHOLDS),
            **changes,
        )

    def pin(self, roster: Roster) -> None:
        """What joining does."""
        text = write_roster(roster)
        self.folders.roster_text.write_bytes(text)
        self.folders.roster_signatures.write_text(json.dumps([self.root.sign(text, sshsig.ROSTER_NAMESPACE)]))

    def offer(self, text: bytes, signatures: Iterable[str]) -> Reply:
        return self.command(offer_roster=OfferRoster(roster_text=text, root_signatures=list(signatures)))

    # commands

    def command(self, **body) -> Reply:
        """Sends a command and gives its reply; a run that it starts is over when this returns."""
        before = len(self.sent)
        self.executor.handle(Command(id="cmd_1", **body))
        self.executor.wait()
        replies = [up.reply for up in self.sent[before:] if up.WhichOneof("body") == "reply"]
        assert len(replies) == 1
        assert replies[0].command_id == "cmd_1"
        return replies[0]

    def make_plan(self, *steps: Step, requester: str = "noa", run_id: str = "run_1") -> Reply:
        wanted = MakePlan(
            run_id=run_id,
            ticket_id="tkt_1",
            playbook="disk.free_space",
            steps=steps or [step("rotate", "rotate_logs")],
            requester=requester,
            reason="the disk is filling",
        )
        return self.command(make_plan=wanted)

    def plan(self, *steps: Step, requester: str = "noa") -> bytes:
        reply = self.make_plan(*steps, requester=requester)
        assert reply.WhichOneof("body") == "plan_issued", reply
        issued = reply.plan_issued
        assert sshsig.verify(issued.plan_text, issued.device_signature, sshsig.PLAN_NAMESPACE) == (
            self.identity.public_key
        )
        return issued.plan_text

    def request(self, text: bytes, who: str = "noa-0-approve") -> Signature:
        return signature("request", self.key(who).sign(text, REQUEST_NAMESPACE))

    def approve(self, text: bytes, who: str = "ana-0-approve") -> Signature:
        return signature("approve", self.key(who).sign(text, APPROVE_NAMESPACE))

    def execute(self, text: bytes, *signatures: Signature) -> Reply:
        return self.command(execute_plan=ExecutePlan(plan_text=text, signatures=signatures))

    def execute_signed(self, text: bytes) -> Reply:
        """As honest people do it: noa asks, ana approves."""
        return self.execute(text, self.request(text), self.approve(text))

    def keep(self, event: RunEvent) -> None:
        self.executor.handle(Command(events_kept=EventsKept(plan_id=event.plan_id, index=event.index)))

    @property
    def events(self) -> list[RunEvent]:
        return [up.run_event for up in self.sent if up.WhichOneof("body") == "run_event"]


def step(name: str, action: str = "", check: str = "", **fields) -> Step:
    fields.setdefault("parameters", {"folder": "app-logs"})
    return Step(name=name, action=action, check=check, **fields)


def require(comparison: str, value: float, within_s: int = 0) -> Requirement:
    return Requirement(
        check="disk_space",
        parameters={"folder": "app-logs"},
        figure="free_percent",
        comparison=comparison,
        value=value,
        within_s=within_s,
    )


def signature(purpose: str, armored: str) -> Signature:
    return Signature(person="whoever the server says", purpose=purpose, armored=armored)


def failed(code: str, undo: str = "") -> ActionFailed:
    return ActionFailed(code, "as told", "", undo)


def code_of(reply: Reply) -> str:
    return reply.refusal.code if reply.WhichOneof("body") == "refusal" else ""
