"""A small world for desk and runs: an organisation with people, and a device that plans, verifies and reports.

The device is a fake at the gateway's seam. Its documents, signatures and verification are the real ones.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Table, insert, select, update

from sereno_proto import sshsig
from sereno_proto.approval import verify_approval, verify_grant
from sereno_proto.errors import Refused, SerenoError
from sereno_proto.grants import read_grant
from sereno_proto.ids import device_id, new_id, organisation_id, sha256
from sereno_proto.keys import PublicKey
from sereno_proto.plan import Plan, read_plan, write_plan
from sereno_proto.planned_step import PlannedStep
from sereno_proto.root import Root, write_root
from sereno_proto.roster import DEFAULT_THRESHOLDS, Person, Roster, RosterKey, write_roster
from sereno_proto.v1.link_pb2 import Problem, Up
from sereno_proto.v1.runs_pb2 import (
    Accepted,
    CancelRun,
    CheckResult,
    DropPlan,
    ExecutePlan,
    Finding,
    MakePlan,
    OfferGrant,
    PlanIssued,
    Reply,
    RevokeGrant,
    RunCheck,
    RunEvent,
    RunState,
    Severity,
)
from sereno_server.access.account import Account
from sereno_server.runs.parts import Order
from sereno_server.runs.record_event import store_run_event
from sereno_server.store.engine import Scope, Store
from sereno_server.store.tables import devices, organisations, rosters

START = datetime(2026, 11, 21, 3, 12, tzinfo=UTC)


def raw_ed25519(key: PublicKey) -> bytes:
    return key.blob[-32:]


class FakeDevice:
    """Answers commands as a device does. `faults`: code to raise instead, by kind of command, once each."""

    def __init__(self, signer: sshsig.FileSigner, name: str, world: "World") -> None:
        self.signer = signer
        self.identity_key = raw_ed25519(signer.public_key)
        self.id = device_id(self.identity_key)
        self.name = name
        self.world = world
        self.organisation_id = world.organisation_id
        self.online = True
        self.orders: list[Order] = []
        self.faults: dict[type, list[str]] = {}
        self.after: dict[type, list[str]] = {}  # the same, but the command takes effect first: the answer is lost
        self.held: dict[str, bytes] = {}
        self.used: set[str] = set()
        self.executed: list[str] = []
        self.risk = "medium"
        self.forge: Callable[[Plan], Plan] = lambda plan: plan

    def count(self, kind: type) -> int:
        return sum(isinstance(order, kind) for order in self.orders)

    def answer(self, order: Order) -> Reply:
        if not self.online:
            raise SerenoError("E_DEVICE_OFFLINE")
        self.orders.append(order)
        if faults := self.faults.get(type(order)):
            raise Refused(faults.pop(0))
        reply = self._do(order)
        if lost := self.after.get(type(order)):
            raise SerenoError(lost.pop(0))
        return reply

    def _do(self, order: Order) -> Reply:
        match order:
            case RunCheck():
                finding = Finding(
                    check=order.check,
                    severity=Severity.SEVERITY_SERIOUS,
                    title=f"{order.check} found something",
                    figures={"used_percent": 91.0, "odd": float("nan")},
                )
                return Reply(check_result=CheckResult(findings=[finding], duration_ms=12.0))
            case MakePlan():
                return Reply(plan_issued=self.issue(order))
            case ExecutePlan():
                self.execute(order)
                return Reply(accepted=Accepted())
            case OfferGrant():
                pairs = [(signature.purpose, signature.armored) for signature in order.signatures]
                verify_grant(read_grant(order.text), order.text, pairs, self.world.roster, self.world.now)
                return Reply(accepted=Accepted())
            case CancelRun() if order.run_id not in self.executed:
                raise Refused("E_NOT_FOUND")
            case DropPlan() | RevokeGrant() | CancelRun():
                if isinstance(order, DropPlan):
                    self.held.pop(order.plan_id, None)
                return Reply(accepted=Accepted())
        raise AssertionError(order)

    def issue(self, order: MakePlan) -> PlanIssued:
        now = self.world.now
        step = PlannedStep("pack the logs", {"folder": "app-logs"}, "rotate_logs", code=sha256(b"code"), risk=self.risk)
        plan = Plan(
            id=new_id("pln"),
            nonce="0" * 32,
            device_id=self.id,
            device_name=self.name,
            organisation_id=self.organisation_id,
            run_id=order.run_id,
            ticket_id=order.ticket_id,
            playbook=order.playbook,
            requester=order.requester,
            risk=self.risk,
            roster_version_min=1,
            policy_digest=sha256(b"policy"),
            issued=now,
            expires=now + timedelta(seconds=1800),
            steps=(step,),
        )
        plan = self.forge(plan)
        text = write_plan(plan)
        self.held[plan.id] = text
        return PlanIssued(
            run_id=plan.run_id, plan_text=text, device_signature=self.signer.sign(text, sshsig.PLAN_NAMESPACE)
        )

    def execute(self, order: ExecutePlan) -> None:
        plan = read_plan(order.plan_text)
        if plan.id in self.used:
            raise Refused("E_PLAN_REPLAYED")
        if self.held.get(plan.id) != order.plan_text:
            raise Refused("E_PLAN_UNKNOWN" if plan.id not in self.held else "E_PLAN_CHANGED")
        pairs = [(signature.purpose, signature.armored) for signature in order.signatures]
        verify_approval(plan, order.plan_text, pairs, self.world.roster, self.world.now)
        self.used.add(plan.id)
        self.executed.append(plan.run_id)


@dataclass
class World:
    """An organisation in a database. `now` is its clock."""

    store: Store
    folder: Path
    now: datetime = START
    organisation_id: str = ""
    signers: dict[str, sshsig.FileSigner] = field(default_factory=dict)
    device: FakeDevice = field(init=False)
    roster: Roster = field(init=False)
    roles: dict[str, str] = field(default_factory=dict)
    others: dict[str, FakeDevice] = field(default_factory=dict)  # beside `device`, by id

    @property
    def gateway(self) -> "World":
        return self

    def clock(self) -> datetime:
        """Ticks, so that what comes later is told later."""
        self.now += timedelta(milliseconds=1)
        return self.now

    async def command(self, organisation_id: str, device_id: str, body: Order, timeout_s: float = 30.0) -> Reply:
        await asyncio.sleep(0)
        device = self.others.get(device_id, self.device)
        assert (organisation_id, device_id) == (self.organisation_id, device.id)
        assert timeout_s > 0
        return device.answer(body)

    def account(self, name: str) -> Account:
        return Account(f"acc_{name}", name, name.title(), self.roles[name], self.organisation_id)

    def sign(self, name: str, text: bytes, namespace: str) -> str:
        return self.signers[name].sign(text, namespace)

    async def rows(self, table: Table, **equal: Any) -> list[dict[str, Any]]:
        async with self.store.transaction(Scope.system()) as tx:
            query = select(table).where(*(table.c[name] == value for name, value in equal.items()))
            order = [table.c[name] for name in ("at", "created_at", "opened_at", "id") if name in table.c]
            return [dict(row) for row in (await tx.execute(query.order_by(*order))).mappings()]

    async def put(self, table: Table, **values: Any) -> None:
        async with self.store.transaction(Scope.system()) as tx:
            await tx.execute(insert(table).values(**{"organisation_id": self.organisation_id, **values}))

    async def change(self, table: Table, row_id: str, **values: Any) -> None:
        async with self.store.transaction(Scope.system()) as tx:
            await tx.execute(update(table).where(table.c.id == row_id).values(**values))

    async def report(self, event: RunEvent, by: Any = None) -> list[Problem]:
        """A run event as the ingest hands it over, in the device's own scope."""
        who = by or self.device
        async with self.store.transaction(Scope(who.organisation_id)) as tx:
            return await store_run_event(tx, who, Up(sequence=7, run_event=event))

    async def tell(self, run: dict[str, Any], *states: "RunState.ValueType") -> None:
        """The device's events of a run, in order."""
        for index, state in enumerate(states, 1):
            found = [Finding(check="disk_space", title="42 % used", severity=Severity.SEVERITY_FINE)]
            event = RunEvent(
                run_id=run["id"],
                plan_id=run["plan_id"],
                state=state,
                step=1 if "STEP" in RunState.Name(state) else 0,
                what="as planned",
                time_ms=int(self.now.timestamp() * 1000),
                index=index,
                findings=found if state == RunState.RUN_STATE_SUCCEEDED else [],
            )
            assert await self.report(event) == []


async def build(store: Store, folder: Path) -> World:
    """An organisation with noa (technician), sam and ada (approvers), and one device, all in the database."""
    world = World(store, folder)
    root = sshsig.generate(folder / "root")
    root_text = write_root(Root("Bakeries", 1, (root.public_key,)))
    world.organisation_id = organisation_id(root_text)
    persons = []
    for name, role in {"noa": "technician", "kim": "technician", "sam": "approver", "ada": "administrator"}.items():
        world.signers[name] = sshsig.generate(folder / name)
        world.signers[f"{name}-session"] = sshsig.generate(folder / f"{name}-session")
        world.roles[name] = role
        keys = [("approve", world.signers[name]), ("session", world.signers[f"{name}-session"])]
        persons.append(
            Person(name, name.title(), role, tuple(RosterKey(purpose, key.public_key) for purpose, key in keys))
        )
    world.signers["stranger"] = sshsig.generate(folder / "stranger")
    world.roles |= {"stranger": "technician", "cesar": "customer"}
    issued = START - timedelta(days=1)
    world.roster = Roster(
        world.organisation_id, 1, issued, issued + timedelta(days=60), tuple(persons), DEFAULT_THRESHOLDS
    )
    world.device = FakeDevice(sshsig.generate(folder / "identity"), "web-1", world)
    await world.put(organisations, name="Bakeries", root_text=root_text, root_signatures=[])
    roster_text = write_roster(world.roster)
    await world.put(rosters, version=1, roster_text=roster_text, signatures=[], expires_at=world.roster.expires)
    await world.put(
        devices,
        id=world.device.id,
        name="web-1",
        identity_key=world.device.identity_key,
        platform="linux",
        agent_version="0.1.0",
        last_seen=START,
        connected_at=START,
        clock_offset_ms=0,
    )
    return world


def play(store: Store, folder: Path, story: Callable[[World], Coroutine[Any, Any, None]]) -> None:
    """Builds a world and plays a story in it."""

    async def all_of_it() -> None:
        await story(await build(store, folder))

    asyncio.run(all_of_it())
