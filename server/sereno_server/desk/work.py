"""Working a ticket or a run as far as it goes now; each step is one transaction, and all are found in the rows."""

from dataclasses import dataclass

from sereno_server.desk import close, facts, tickets
from sereno_server.desk.causes import Rank, rank_causes
from sereno_server.desk.checks import run_check
from sereno_server.desk.decide import Decision, DoCheck, GiveUp, Propose, RankCauses, Resolve, Step, decide
from sereno_server.desk.propose import propose
from sereno_server.desk.suggest import Suggest
from sereno_server.runs.execute import execute
from sereno_server.runs.parts import Clock, Compile, Parts
from sereno_server.runs.plan import make_plan
from sereno_server.store.engine import Scope

STEPS_AT_ONCE_MAX = 64


@dataclass(frozen=True)
class Desk:
    """What the work needs: the server's parts, a clock, the playbooks and the ranking of causes."""

    app: Parts
    clock: Clock
    suggest: Suggest
    compile_playbook: Compile
    rank: Rank

    async def work_ticket(self, organisation_id: str, ticket_id: str) -> None:
        """Goes on with a ticket until there is nothing to do but wait."""
        for _ in range(STEPS_AT_ONCE_MAX):
            known, decision = await self.look(organisation_id, ticket_id)
            if decision.step is None or not await self._do(known, decision.step):
                return

    async def look(self, organisation_id: str, ticket_id: str) -> tuple[facts.Facts, Decision]:
        """Reads the ticket, decides, and writes its stage when that has changed."""
        async with self.app.store.transaction(Scope(organisation_id)) as tx:
            known = await facts.load(tx, organisation_id, ticket_id, self.clock())
            decision = decide(known, self.suggest(known))
            if decision.stage != known.stage:
                await tickets.change(tx, organisation_id, ticket_id, {"stage": decision.stage})
        return known, decision

    async def work_run(self, organisation_id: str, run_id: str) -> None:
        """Goes on with a run: its plan, then its execution once it is signed."""
        await make_plan(self.app, organisation_id, run_id, self.clock)
        await execute(self.app, organisation_id, run_id, self.clock)

    async def _do(self, known: facts.Facts, step: Step) -> bool:
        """Does one step; tells whether looking again at once makes sense."""
        match step:
            case RankCauses():
                await rank_causes(self.app, known, self.rank)
            case DoCheck():
                await run_check(self.app, known, step, self.clock)
            case Propose():
                await rank_causes(self.app, known, self.rank)
                known, decision = await self.look(known.organisation_id, known.ticket_id)
                if isinstance(decision.step, Propose):  # with what changed while the checks ran
                    await propose(self.app, known, decision.step, self.compile_playbook, self.clock)
                return False
            case Resolve():
                await close.resolve(self.app, known, step)
                return False
            case GiveUp():
                await close.give_up(self.app, known, step)
        return True
