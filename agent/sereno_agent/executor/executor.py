"""Takes commands one by one, answers each, and lets one run at a time go on beside them."""

import sys
import threading
from collections.abc import Callable, Iterable
from typing import Final

from sereno_agent.executor.certificate import take_certificate
from sereno_agent.executor.clock_floor import ClockFloor
from sereno_agent.executor.come_back import CameBack, came_back
from sereno_agent.executor.device import Clock, Device
from sereno_agent.executor.grant_store import GrantStore, HeldGrant, signature_pairs
from sereno_agent.executor.granted import judge_grant, plan_within, require_triggers
from sereno_agent.executor.issue import issue_plan
from sereno_agent.executor.journal import Journal, journals
from sereno_agent.executor.pace import Pace
from sereno_agent.executor.pins import Pins
from sereno_agent.executor.plan_store import PlanStore
from sereno_agent.executor.reserve import FULL, Reserve
from sereno_agent.executor.run import Run, Waiting
from sereno_agent.executor.verdict import judge
from sereno_agent.later_roots import received
from sereno_agent.ledger import Ledger
from sereno_proto.approval import Approval
from sereno_proto.errors import CATALOGUE, Refused, SerenoError
from sereno_proto.grants import BOUNDS, read_grant
from sereno_proto.ids import new_id, sha256
from sereno_proto.plan import Plan, read_plan
from sereno_proto.sshsig import PLAN_NAMESPACE
from sereno_proto.v1 import runs_pb2
from sereno_proto.v1.link_pb2 import Up
from sereno_proto.v1.runs_pb2 import Command, Finding, PlanIssued, Refusal, Reply, RunEvent, RunState

Send = Callable[[Up], None]
_REFUSALS: Final = {
    "make_plan": "plan.refused",
    "execute_plan": "run.refused",
    "offer_roster": "roster.refused",
    "offer_grant": "grant.refused",
    "try_grant": "grant.refused",
}


class Executor:
    """One device's executor. It holds the state folder's lock, so there is never a second one beside it."""

    def __init__(self, device: Device, now_ms: Clock, send: Send, waiting: Waiting | None = None) -> None:
        self._device = device
        self._now_ms = now_ms
        self._send = send
        self._waiting = waiting or Waiting()
        self._ledger = Ledger(device.folders.ledger, now_ms)
        self._clock = ClockFloor(device.folders.plans / "clock", now_ms)
        self._store = PlanStore(device.folders.plans)
        self._reserve = Reserve(device.folders.runs / "reserve")
        self._pace = Pace(now_ms)
        self._pins = Pins(device.folders, device.organisation_id)
        self._grants = GrantStore(device.folders)
        self._running: threading.Thread | None = None
        self._run: Run
        self._running_id = ""
        self._running_journal: Journal
        self._journals: dict[str, Journal] = {}
        self._journals_lock = threading.Lock()
        self._handlers: dict[str, Callable[[Command], Reply]] = {
            "make_plan": self._make_plan,
            "execute_plan": self._execute_plan,
            "offer_roster": self._offer_roster,
            "offer_certificate": self._offer_certificate,
            "drop_plan": self._drop_plan,
            "cancel_run": self._cancel_run,
            "offer_grant": self._offer_grant,
            "revoke_grant": self._revoke_grant,
            "try_grant": self._try_grant,
        }

    def start(self) -> None:
        """Reports runs that were cut off, which never go on, and sends again every event that nobody kept."""
        self._reserve.refill()
        self._journal_unbegun()
        for journal in journals(self._device.folders.runs):
            if not journal.events:
                journal.remove()
                continue
            first = journal.events[0]
            back = None if journal.ended else came_back(journal, self._store, self._device.boot_id())
            if not journal.ended and (back is None or self._running is not None):
                back = None
                self._store.drop(first.plan_id)  # cut off before its first step: it was still held
                report = self._reporter(journal, first.run_id, first.plan_id, quiet=True)
                report(runs_pb2.RUN_STATE_FAILED, 0, _where_cut(journal), "E_INTERRUPTED", ())
            with self._journals_lock:
                self._journals[first.plan_id] = journal
            for event in journal.events:
                self._send_event(event)
            if back is not None:
                self._go_on(back, journal)

    def _journal_unbegun(self) -> None:
        """Begins the journal of a use that was counted, and cut off before its run was told."""
        for held in self._grants.all():
            issued = self._store.find(held.plan_id) if held.plan_id else None
            if issued is None or issued.used:
                continue
            journal = Journal.of(self._device.folders.runs, held.plan_id)
            if not journal.events:
                start = RunEvent(grant_id=held.grant.id, plan_text=issued.text)
                run_id = read_plan(issued.text).run_id
                report = self._reporter(journal, run_id, held.plan_id, quiet=True, start=start)
                report(runs_pb2.RUN_STATE_STARTED, 0, held.grant.playbook, "", ())

    def handle(self, command: Command) -> None:
        """Answers one command with a reply, whatever it holds. What is refused has a row in the ledger."""
        kind = command.WhichOneof("body") or ""
        if kind == "events_kept":
            self._events_kept(command)
            return
        if self._pace.allows():
            try:
                reply = self._answer(self._handlers.get(kind, _unknown), command)
            except Exception as error:  # noqa: BLE001, whatever goes wrong is a refusal: nothing is done
                reply = Reply(refusal=self._refuse(kind, command, error))
        else:
            reply = Reply(refusal=self._overloaded())
        reply.command_id = command.id
        self._send(Up(made_ms=self._now_ms(), reply=reply))

    def busy(self) -> bool:
        """Whether a run is going on: one whose last event is not told yet."""
        return self._running is not None and self._running.is_alive() and not self._running_journal.ended

    def wait(self) -> None:
        """Returns once no run is going on."""
        if self._running is not None:
            self._running.join()

    def _answer(self, handler: Callable[[Command], Reply], command: Command) -> Reply:
        """Handles a command; on a full disk once more, with the reserve given back."""
        try:
            return handler(command)
        except OSError as error:
            if error.errno not in FULL or not self._reserve.release():
                raise
            return handler(command)

    # commands

    def _make_plan(self, command: Command) -> Reply:
        device, wanted = self._device, command.make_plan
        device.refuse_lockdown()
        policy = device.policy()
        now = self._clock.now()
        plan, text = issue_plan(device, wanted, policy, self._pins.roster(now), now)
        self._store.hold(plan.id, text)
        signature = device.signer.sign(text, PLAN_NAMESPACE)
        detail = {"digest": sha256(text), "requester": plan.requester, "risk": plan.risk, "run": plan.run_id}
        self._ledger.append("plan.issued", plan.id, what=plan.playbook, detail=detail)
        return Reply(plan_issued=PlanIssued(run_id=plan.run_id, plan_text=text, device_signature=signature))

    def _execute_plan(self, command: Command) -> Reply:
        """Verifies, marks the plan used, and only then lets the run begin."""
        self._require_idle()
        wanted = command.execute_plan
        plan, approval = judge(self._device, self._store, self._pins, wanted, self._clock.now)
        detail = _approval_detail(approval) | {"digest": sha256(wanted.plan_text)}
        self._ledger.append("run.approved", plan.id, what=plan.playbook, detail=detail)
        self._begin(plan, RunEvent())
        return Reply(accepted=runs_pb2.Accepted())

    def _require_idle(self) -> None:
        if self.busy():
            raise Refused("E_OVERLOADED", "another run is being carried out on this device")
        self.wait()  # it has told its end, and is tidying up

    def _begin(self, plan: Plan, start: RunEvent) -> None:
        """Marks the held plan used and lets its run begin; `start` is what its first event tells besides."""
        self._reserve.release()  # the records of a run must find room even where the run is to make some
        journal = Journal.of(self._device.folders.runs, plan.id)
        report = self._reporter(journal, plan.run_id, plan.id, start=start)
        report(runs_pb2.RUN_STATE_STARTED, 0, plan.playbook, "", ())  # before it is used: a cut here shows
        try:
            self._store.use(plan.id)
        except Exception as error:
            report(runs_pb2.RUN_STATE_FAILED, 0, f"not begun: {error}", "E_INTERNAL", ())
            raise
        with self._journals_lock:
            self._journals[plan.id] = journal
        self._start_run(plan, report, journal)

    def _go_on(self, back: CameBack, journal: Journal) -> None:
        """Lets a run go on behind the reboot that it asked for: with checks, never with a change."""
        report = self._reporter(journal, back.plan.run_id, back.plan.id)
        self._start_run(back.plan, report, journal, rebooted=back.step)

    def _start_run(self, plan: Plan, report: "_Report", journal: Journal, rebooted: int = 0) -> None:
        self._running_journal = journal
        self._run = Run(self._device, plan, report, self._waiting, rebooted=rebooted)
        self._running_id = plan.run_id
        self._running = threading.Thread(target=self._carry_out, args=(self._run,), name=plan.id)
        self._running.start()

    def _cancel_run(self, command: Command) -> Reply:
        run_id = command.cancel_run.run_id
        if not self.busy() or self._running_id != run_id:
            raise Refused("E_NOT_FOUND", "that run is not being carried out")
        self._ledger.append("run.cancelled", run_id)
        self._run.cancel()
        return Reply(accepted=runs_pb2.Accepted())

    # grants made in advance

    def _offer_grant(self, command: Command) -> Reply:
        """Takes a grant after verifying it: bounds are carried out at once, a standing grant waits for its trigger."""
        offered, now = command.offer_grant, self._clock.now()
        grant = read_grant(offered.text)
        held = self._grants.find(grant.id)
        if held is None or held.text != offered.text:
            if held is not None:
                raise Refused("E_PLAN_CHANGED", f"another text of {grant.id} is held here")
            held = HeldGrant(grant, offered.text, signature_pairs(offered.signatures))
            approval = judge_grant(self._device, self._pins, held, now)
            self._grants.hold(held, now)
            detail = _approval_detail(approval) | {"digest": sha256(held.text), "kind": grant.kind}
            self._ledger.append("grant.taken", grant.id, what=grant.playbook, detail=detail)
        if grant.kind == BOUNDS:
            self._use_grant(grant.id, offered.run_id or new_id("run", self._now_ms()))
        return Reply(accepted=runs_pb2.Accepted())

    def _try_grant(self, command: Command) -> Reply:
        self._use_grant(command.try_grant.grant_id, new_id("run", self._now_ms()))
        return Reply(accepted=runs_pb2.Accepted())

    def _use_grant(self, grant_id: str, run_id: str) -> None:
        """One run under a grant: everything is judged anew, the trigger too; the use counts before the first step."""
        self._require_idle()
        now = self._clock.now()
        held = self._grants.find(grant_id)
        if held is None:
            raise Refused("E_GRANT_UNKNOWN")
        held.require_use(now)
        approval = judge_grant(self._device, self._pins, held, now)
        require_triggers(self._device, held.grant)
        plan, text = plan_within(self._device, self._pins, held.grant, run_id, now)
        self._store.hold(plan.id, text)
        self._grants.use(held, self._clock.now(), plan.id)
        detail = _approval_detail(approval) | {"digest": sha256(text), "grant": grant_id}
        self._ledger.append("run.granted", plan.id, what=plan.playbook, detail=detail)
        self._begin(plan, RunEvent(grant_id=grant_id, plan_text=text))

    def _revoke_grant(self, command: Command) -> Reply:
        if self._grants.revoke(command.revoke_grant.grant_id):
            self._ledger.append("grant.revoked", command.revoke_grant.grant_id)
        return Reply(accepted=runs_pb2.Accepted())

    def _offer_roster(self, command: Command) -> Reply:
        offered = command.offer_roster
        later = received(offered.later_roots)
        roster = self._pins.offer(offered.roster_text, list(offered.root_signatures), self._clock.now(), later)
        detail = {"digest": sha256(offered.roster_text)}
        self._ledger.append("roster.pinned", f"version {roster.version}", detail=detail)
        return Reply(accepted=runs_pb2.Accepted())

    def _offer_certificate(self, command: Command) -> Reply:
        device, chain = self._device, command.offer_certificate.certificate_pem
        serial = take_certificate(device.folders, chain, device.id, self._clock.now())
        self._ledger.append("certificate.renewed", serial)
        return Reply(accepted=runs_pb2.Accepted())

    def _drop_plan(self, command: Command) -> Reply:
        if self._store.drop(command.drop_plan.plan_id):
            self._ledger.append("plan.dropped", command.drop_plan.plan_id)
        return Reply(accepted=runs_pb2.Accepted())

    def _events_kept(self, command: Command) -> None:
        """Forgets the journal of a run whose last event lies in the core's spool."""
        kept = command.events_kept
        with self._journals_lock:
            journal = self._journals.get(kept.plan_id)
            if journal is not None and journal.ended and kept.index >= len(journal.events):
                journal.remove()
                del self._journals[kept.plan_id]

    # runs

    def _carry_out(self, run: Run) -> None:
        try:
            run.carry_out()
        finally:
            self._reserve.refill()

    def _reporter(
        self, journal: Journal, run_id: str, plan_id: str, *, quiet: bool = False, start: RunEvent | None = None
    ) -> "_Report":
        """Writes each event to ledger and journal, durably and in this order, before it is sent."""

        def report(state: "RunState.ValueType", step: int, what: str, code: str, findings: Iterable[Finding]) -> None:
            verb = "run." + RunState.Name(state).removeprefix("RUN_STATE_").lower()
            detail = {"plan": plan_id, "step": str(step)}
            row = self._ledger.append(verb, run_id, code=code, what=what, detail=detail)
            event = RunEvent(
                run_id=run_id,
                plan_id=plan_id,
                state=state,
                step=step,
                what=row.what,
                code=code,
                findings=findings,
                time_ms=self._now_ms(),
                ledger_digest=row.digest,
            )
            if start is not None and state == runs_pb2.RUN_STATE_STARTED:
                event.MergeFrom(start)
            journal.append(event)
            if not quiet:
                self._send_event(event)

        return report

    def _send_event(self, event: RunEvent) -> None:
        self._send(Up(made_ms=event.time_ms, run_event=event))

    def _overloaded(self) -> Refusal:
        """Refuses without a row for each, or a flood of commands would fill the disk with rows."""
        error = Refused("E_OVERLOADED", "more commands within a minute than this device answers")
        if self._pace.tells():
            self._ledger.append("command.flood", "server", code=error.code, what=error.what)
        return Refusal(code=error.code, what=error.what, remedy=error.remedy)

    def _refuse(self, kind: str, command: Command, error: Exception) -> Refusal:
        failure = error if isinstance(error, SerenoError) and error.code in CATALOGUE else _internal(error)
        subjects = {"execute_plan": command.execute_plan.plan_text, "offer_grant": command.offer_grant.text}
        subject = sha256(subjects[kind]) if kind in subjects else kind
        verb = _REFUSALS.get(kind, "command.refused")
        detail = {"command": command.id[:80]}
        try:
            self._ledger.append(verb, subject, code=failure.code, what=failure.what, detail=detail)
        except (OSError, SerenoError) as unwritten:  # nothing was done; the answer is owed all the same
            sys.stderr.write(f"a refusal ({failure.code}) could not be written: {unwritten}\n")
        return Refusal(code=failure.code, what=failure.what, remedy=failure.remedy)


_Report = Callable[["RunState.ValueType", int, str, str, Iterable[Finding]], None]


def _approval_detail(approval: Approval) -> dict[str, str]:
    return {
        "requester": approval.requester,
        "approvers": ", ".join(approval.approvers),
        "risk": approval.risk,
        "keys": ", ".join(approval.fingerprints),
    }


def _where_cut(journal: Journal) -> str:
    """Which step was going on when the run was cut off."""
    last = journal.events[-1]
    if last.state == runs_pb2.RUN_STATE_STARTED:
        return "cut off before its first step; nothing was done, and it did not go on"
    if last.state == runs_pb2.RUN_STATE_STEP_STARTED:
        return f"cut off during step {last.step}; it did not go on and was not undone"
    return f"cut off after step {last.step}; it did not go on and was not undone"


def _unknown(_command: Command) -> Reply:
    raise Refused("E_BAD_REQUEST", "the executor knows no such command")


def _internal(error: Exception) -> SerenoError:
    return SerenoError("E_INTERNAL", f"{type(error).__name__}: {error}")
