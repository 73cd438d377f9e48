"""All ways, one after the other, against two real agents and a real server that its attacker runs."""

import json
import os
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.hostile.liar import Liar
from tests.hostile.stage import HostileStage
from tests.hostile.way import AFTER, WAYS
from tests.proto.software_passkey import SoftwarePasskey

import sereno_playbooks
from sereno_proto.errors import SerenoError
from sereno_proto.grants import write_grant
from sereno_proto.roster import Person, RosterKey
from sereno_server.demo import machine
from sereno_server.demo.forged.attempts import ATTEMPTS
from sereno_server.demo.forged.drill import ForgedDrill
from sereno_server.demo.place import Place, write_private
from sereno_server.demo.processes import Waiting
from sereno_server.demo.story import Story
from sereno_server.demo.world import World, free_ports

RUN_S = 60.0
OVERRIDDEN = ("expired_plan",)  # here with a plan that expires while other ways are tried


def ways() -> dict[str, tuple[str, Any]]:
    """Every way by name: those of the forged drill, and those of here."""
    every = {name: one for name, one in ATTEMPTS.items() if name not in OVERRIDDEN} | WAYS
    wanted = os.environ.get("HOSTILE_WAYS", "")  # an expression, to try some of them by hand
    return {name: one for name, one in every.items() if re.search(wanted, name)}


class HostileDrill(ForgedDrill):
    """Started on a running world, which it leaves to be thrown away."""

    stage_kind = HostileStage
    plan_valid_s = 90

    def __init__(self, world: World, story: Story, device: dict[str, Any]) -> None:
        super().__init__(world, story, device, ways())
        rp_id = "approve.example.org"
        self._passkeys = {
            "iker": SoftwarePasskey("ES256", rp_id),
            "ane": SoftwarePasskey("EdDSA", rp_id),
            "iker-session": SoftwarePasskey("ES256", rp_id),
            "mallory": SoftwarePasskey("ES256", rp_id),
        }
        self._liar: Liar | None = None

    def play_all(self) -> dict[str, Any]:
        """Plays everything; gives what each way got, and what was carried out that nobody signed."""
        self.prepare()
        stage = self._begin()
        acts_before = len(stage.all_acts())
        names = [name for name in self._attempts if name not in {*AFTER, "replayed", "expired_plan"}]
        for name in names[: len(names) // 2]:
            self.attempt(stage, name)
        run_id, plan_id = self.work(stage)
        granted = self._work_in_advance(stage)
        wanted = {run_id, plan_id, *granted}
        for name in (*names[len(names) // 2 :], *(name for name in ("replayed", *AFTER) if name in self._attempts)):
            self.attempt(stage, name)
        others = [row for row in stage.all_acts()[acts_before:] if row["object"] not in wanted]
        self.executed += len(others)
        return {**self.outcome(), "let_through": self.let_through, "unsigned": others}

    def persons(self) -> tuple[Person, ...]:
        """Everybody of the forged drill, with passkeys besides."""
        extra = {
            "iker": (
                RosterKey("approve", self._passkeys["iker"].public_key),
                RosterKey("session", self._passkeys["iker-session"].public_key),
            ),
            "ane": (RosterKey("approve", self._passkeys["ane"].public_key),),
        }
        return tuple(replace(person, keys=(*person.keys, *extra.get(person.name, ()))) for person in super().persons())

    def prepare(self) -> None:
        """A second machine joins while the server is still honest."""
        super().prepare()
        place, world = self._world.place, self._world
        logs = place.folder / "machine-2"
        logs.mkdir()
        (logs / "app.log").write_bytes(b"INFO\n" * 1000)
        code = world.client("ane").post("/api/v1/join-codes", {"valid_s": 600})["code"]
        state = ["--state", str(place.folder / "agent-2")]
        world.processes.run("sereno_agent.cli", ["join", code, *state, "--name", "web-2"], world.environment)
        policy = machine.policy_text(Place(place.folder)).replace(str(place.app_logs.resolve()), str(logs.resolve()))
        write_private(place.folder / "agent-2" / "policy.toml", policy)
        world.processes.start("agent-2", "sereno_agent.cli", ["run", *state], world.environment)

    def take_over(self) -> Any:
        """The attacker's server takes the place of the real one, behind a mouth that lies on its address."""
        place, world = self._world.place, self._world
        world.processes.stop("server")
        port = int(world.url.rpartition(":")[2])
        [inner] = free_ports(1)
        text = place.server_config.read_text()
        write_private(place.server_config, text.replace(f"http_port = {port}\n", f"http_port = {inner}\n"))
        self._liar = Liar(port, inner)
        return super().take_over()

    def close(self) -> None:
        """The liar ends with the world."""
        if self._liar is not None:
            self._liar.close()

    def _begin(self) -> HostileStage:
        stage: HostileStage = self.take_over()
        assert self._liar is not None
        stage.world, stage.liar, stage.passkeys = self._world, self._liar, self._passkeys
        stage.second = json.loads((stage.place.folder / "agent-2" / "joined.json").read_text())["device_id"]
        text = stage.make_plan()
        stage.early = (text, stage.all_signatures(text))
        return stage

    def _work_in_advance(self, stage: HostileStage) -> list[str]:
        """Bounds that people really want are carried out once: what the measure then shows is theirs."""
        stage.break_again()
        grant, before = stage.grant(), stage.files()
        text = write_grant(grant)
        signatures = stage.sign_grant(text, grant.kind)
        acts = len(stage.acts())
        stage.offer_text(text, signatures)
        for _ in Waiting("the run under bounds", RUN_S):
            rows = stage.acts()[acts:]
            if any(row["verb"] in {"run.succeeded", "run.failed"} for row in rows):
                break
        if stage.files() == before or not any(row["verb"] == "run.succeeded" for row in rows):
            raise SerenoError("E_DRILL", f"the bounds that people want changed nothing: {rows}")
        stage.honest_grant = (grant, text, signatures)
        return [row["object"] for row in rows]


def own_playbooks(folder: Path) -> str:
    """A copy of the actions for the machines alone, so that an action can change its meaning under its name."""
    source = Path(next(iter(sereno_playbooks.__path__)))
    shutil.copytree(source, folder / "code" / source.name, ignore=shutil.ignore_patterns("__pycache__"))
    return str(folder / "code")
