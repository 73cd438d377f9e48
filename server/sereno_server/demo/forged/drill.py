"""The forged drill: technician and approvers go on working while the server is the attacker's.

`executed` is measured on the machine: files that an action could touch, pins and certificate, and the device's own
ledger. That the measure can show something is proven by one run in between that people really want.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sereno_proto.errors import Refused, SerenoError
from sereno_proto.plan import read_plan
from sereno_proto.roster import DEFAULT_THRESHOLDS, Person, RosterKey, Threshold, read_roster
from sereno_server.cli.workstation import Workstation
from sereno_server.demo import machine, people
from sereno_server.demo.forged.attempts import ATTEMPTS, Attempt
from sereno_server.demo.forged.stage import PARAMETERS, PLAYBOOK, Backdoor, Stage
from sereno_server.demo.place import write_private
from sereno_server.demo.processes import Waiting
from sereno_server.demo.story import Story
from sereno_server.demo.world import World

PLAN_VALID_S = 20  # agent.toml of this drill: long enough to sign, short enough to see one expire
RUN_S = 60.0
AFTER_THE_RUN = ("replayed",)
STRICT = {"low": Threshold(1), "medium": Threshold(2), "high": Threshold(2)}


class ForgedDrill:
    """One performance of the attacks on a running world."""

    stage_kind: type[Stage] = Stage
    plan_valid_s = PLAN_VALID_S

    def __init__(
        self, world: World, story: Story, device: dict[str, Any], attempts: Mapping[str, tuple[str, Attempt]] = ATTEMPTS
    ) -> None:
        self._world, self._story = world, story
        self._attempts = attempts
        self._device: dict[str, Any] = device
        self.attempts: list[dict[str, Any]] = []
        self.lies: list[dict[str, str]] = []
        self.let_through: list[str] = []
        self.executed = 0

    def play(self) -> dict[str, Any]:
        """Plays everything and gives the outcome; raises when an attempt got through or people could not work."""
        self.prepare()
        stage = self.take_over()
        acts_before = len(stage.acts())
        names = [name for name in self._attempts if name not in AFTER_THE_RUN]
        for name in names[: len(names) // 2]:
            self.attempt(stage, name)
        run_id, plan_id = self.work(stage)
        for name in (*AFTER_THE_RUN, *names[len(names) // 2 :]):
            self.attempt(stage, name)
        others = [row for row in stage.acts()[acts_before:] if row["object"] not in {run_id, plan_id}]
        self.executed += len(others)
        self.give_back()
        if self.let_through or self.executed:
            what = f"{self.executed} acts, wrong answers to: {', '.join(self.let_through) or 'none'}"
            raise Refused("E_DRILL", f"an attempt got through: {what}")
        return {"drill": "forged", "ok": True, **self.outcome(), "control": {"run": run_id, "state": "succeeded"}}

    def outcome(self) -> dict[str, Any]:
        """What was tried and how it ended."""
        return {"attempts": self.attempts, "executed": self.executed, "lies": self.lies}

    def persons(self) -> tuple[Person, ...]:
        """The people of the stricter roster: everybody's keys, and second ones for iker and ane."""
        place = self._world.place
        people.make_key(place.keys / "mallory-approve", "the attacker")
        second = people.make_key(place.keys / "iker-approve-2", "iker approve").public_key
        third = people.make_key(place.keys / "ane-approve", "ane approve").public_key
        extra = {"iker": RosterKey("approve", second), "ane": RosterKey("approve", third)}
        return tuple(
            replace(person, keys=(*person.keys, extra[person.name])) if person.name in extra else person
            for person in people.standard_people(place)
        )

    def prepare(self) -> None:
        """A stricter roster, signed by the root and published as usual, and plans that expire soon."""
        place = self._world.place
        self._publish(self.persons(), STRICT)
        text = (place.agent / "agent.toml").read_text()
        write_private(place.agent / "agent.toml", f"{text.rstrip()}\nplan_valid_s = {self.plan_valid_s}\n")
        self._restart_agent()

    def take_over(self) -> Stage:
        """The attacker's server takes the real one's place, with its database, its authority and its address."""
        world = self._world
        world.processes.stop("server")
        joined = json.loads((world.place.agent / "joined.json").read_text())
        arguments = [str(world.place.server_config), joined["organisation_id"], joined["device_id"]]
        process = world.processes.start(
            "attacker", "sereno_server.demo.forged.attacker", arguments, world.environment, piped=True
        )
        world.wait_until_ready("attacker")
        world.wait_until_connected()
        self._story.say("the attacker owns the server, its database, its authority and its keys, and keeps it running")
        stage = self.stage_kind(world.place, Backdoor(process), world.agent)
        stage.break_again()
        return stage

    def attempt(self, stage: Stage, name: str) -> None:
        """One attempt: refused with its own code, and nothing on the machine is different."""
        expected, act = self._attempts[name]
        stage.break_again()
        stage.before = stage.files()
        try:
            code, what = act(stage) or "", "it was let through"
        except SerenoError as error:
            code, what = error.code, error.what
        changed = stage.files() != stage.before
        self.executed += changed
        self.attempts.append({"name": name, "code": code})
        if code != expected or changed:
            self.let_through.append(f"{name} ({code or 'no refusal'} instead of {expected}: {what})")
        verdict = "refused" if code == expected and not changed else "WRONG"
        self._story.say(f"{verdict:10} {name.replace('_', ' '):45} {code or what}", attempt=name, code=code)

    def work(self, stage: Stage) -> tuple[str, str]:
        """What people really want is still done; and what the attacker shows them instead, they do not sign."""
        world = self._world
        stage.break_again()
        before = stage.files()
        given = [part for name, value in PARAMETERS.items() for part in ("--set", f"{name}={value}")]
        world.sereno("run", self._device["name"], PLAYBOOK, *given, "--as", "noa", "--yes")
        client = world.client("noa")
        run = client.pages("/api/v1/runs", state="planned")[0]
        self._lie(stage, run["id"])
        world.sereno("approve", run["id"], "--as", "iker", "--yes")
        world.sereno("approve", run["id"], "--as", "ane", "--key", str(world.place.keys / "ane-approve"), "--yes")
        for _ in Waiting("the run that people want", RUN_S):
            view = client.get(f"/api/v1/runs/{run['id']}")
            if view["state"] == "succeeded":
                break
            if view["state"] in {"failed", "refused", "expired"}:
                raise Refused(
                    view["code"] or "E_CONFLICT", f"the run that people want is {view['state']}: {view['what']}"
                )
        if stage.files() == before or world.place.app_config.read_text() != machine.ROTATING:
            raise Refused("E_DRILL", "the run that people want changed nothing: the measure would not show an attack")
        stage.carried_out = client.text(f"/api/v1/runs/{run['id']}/plan")
        self._story.say(f"carried out {run['id']}: asked for by noa, approved by iker and ane, in the midst of it all")
        return str(run["id"]), read_plan(stage.carried_out).id

    def _lie(self, stage: Stage, run_id: str) -> None:
        """The attacker edits the plan in the database; the approver's command sees that no device signed it."""
        text = self._world.client("noa").text(f"/api/v1/runs/{run_id}/plan")
        edited = text.replace(b"playbook: disk.free_space\n", b"playbook: disk.tidy_only\n")
        change = "UPDATE runs SET plan_text = :text WHERE id = :id"
        stage.backdoor.sql(change, text=edited, id=run_id)
        try:
            self._world.sereno("approve", run_id, "--as", "iker", "--yes")
            code = ""
        except SerenoError as error:
            code = error.code
        stage.backdoor.sql(change, text=text, id=run_id)
        self.lies.append({"name": "approver_shown_an_edited_plan", "code": code})
        self._story.say(f"not signed an edited plan shown to the approver           {code}")
        if code != "E_SIGNATURE_INVALID":
            self.let_through.append(f"the approver signed an edited plan ({code or 'no refusal'})")

    def give_back(self) -> None:
        """The real server again, the usual roster and the usual life of plans, so that the demo can go on."""
        world = self._world
        world.processes.stop("attacker")
        machine.prepare(world.place)
        toml = world.place.agent / "agent.toml"
        write_private(toml, toml.read_text().replace(f"plan_valid_s = {self.plan_valid_s}\n", ""))
        world.start_server()
        self._publish(people.standard_people(world.place), DEFAULT_THRESHOLDS)
        self._restart_agent()

    def _publish(self, persons: Any, thresholds: dict[str, Threshold]) -> None:
        world = self._world
        version = read_roster(Workstation(world.place.workstation).read("roster")[0]).version + 1
        people.sign_roster(world.place, datetime.now(UTC), persons, version=version, thresholds=thresholds)
        world.sereno("roster", "publish", "--as", "ane")
        for _ in Waiting(f"roster {version} on the device", 30):
            if world.device()["roster_version"] >= version:
                return

    def _restart_agent(self) -> None:
        self._world.processes.stop("agent")
        self._world.run_agent()
        self._world.wait_until_connected()
