"""Ways with the server's ledger: rewritten after others have seen it. Last, for what a machine saw it never unsees."""

import json

from tests.hostile.stage import HostileStage
from tests.hostile.way import way

from sereno_proto.checkpoint import read_checkpoint
from sereno_proto.errors import SerenoError
from sereno_server.demo.processes import Waiting


@way("E_LEDGER_FORKED", after=True)
def a_ledger_rewritten_after_a_workstation_saw_it(stage: HostileStage) -> None:
    stage.person("ledger", "verify", "--as", "ane")
    _forge(stage)
    stage.person("ledger", "verify", "--as", "ane")


@way("E_LEDGER_FORKED", after=True)
def a_rewritten_ledger_under_another_organisations_name(stage: HostileStage) -> None:
    """A workstation that keeps one checkpoint an organisation would find none of that name, and begin anew."""

    def renamed(content: bytes) -> bytes:
        return content.replace(stage.joined["organisation_id"].encode(), b"org_" + b"a" * 32)

    with stage.liar.lying(r"/api/v1/ledger/export", renamed):
        stage.person("ledger", "verify", "--as", "ane")


@way("told on the machine", after=True)
def a_ledger_rewritten_after_the_machines_saw_it(stage: HostileStage) -> str:
    """The agents witness checkpoints: the next one does not go on from the one they hold."""
    for _ in Waiting("the fault on the machine", 150, poll_s=2):
        fault = json.loads(stage.owner("status", "--json"))["witness"]["fault"]
        if fault:
            return "told on the machine"
    return ""


def _forge(stage: HostileStage) -> None:
    """Changes who did what in every row, and lets the server chain and sign all of it anew, as only its owner can."""
    client = stage.world.client("ane")
    before = read_checkpoint(client.get("/api/v1/ledger/export")["checkpoint"].encode()).size
    stage.backdoor.sql(
        "WITH a AS (DELETE FROM ledger_nodes), b AS (DELETE FROM checkpoints) "
        "UPDATE ledger SET actor = :actor, position = NULL, previous = NULL, digest = NULL",
        actor="iker",
    )
    for _ in Waiting("the new history", 90, poll_s=1):
        try:
            if read_checkpoint(client.get("/api/v1/ledger/export")["checkpoint"].encode()).size >= before:
                return
        except SerenoError:
            continue
