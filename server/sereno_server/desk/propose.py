"""Proposing: the suggested playbook as a run that nobody asked for, until a person does."""

from sereno_proto.errors import SerenoError
from sereno_proto.roster import NOBODY
from sereno_server.desk.decide import Propose
from sereno_server.desk.facts import Facts
from sereno_server.desk.timeline import tell
from sereno_server.runs.parts import Clock, Compile, Parts
from sereno_server.runs.request import insert_run
from sereno_server.store.engine import Scope


async def propose(app: Parts, facts: Facts, step: Propose, compile_playbook: Compile, clock: Clock) -> None:
    """Writes the run that waits for its plan; or says why this playbook does not fit, once a round."""
    suggestion = step.suggestion
    async with app.store.transaction(Scope(facts.organisation_id)) as tx:
        try:
            steps = compile_playbook(suggestion.playbook, suggestion.parameters)
        except SerenoError as error:
            mark = facts.mark("unproposable")
            await tell(
                tx,
                facts.organisation_id,
                facts.ticket_id,
                at=clock(),
                kind="message",
                text=f"No fix is proposed: {suggestion.playbook}: {error.what} ({error.code})",
                detail={"mark": mark, "code": error.code},
                once=mark,
            )
            return
        await insert_run(
            tx,
            facts.organisation_id,
            device_id=facts.device_id,
            ticket_id=facts.ticket_id,
            playbook=suggestion.playbook,
            requester=NOBODY,
            steps=steps,
            at=clock(),
        )
