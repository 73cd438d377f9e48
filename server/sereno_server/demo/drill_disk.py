"""The disk drill: a configuration change stops log rotation, a folder fills, and the story ends with a closed ticket.

Everything is real: a writer process fills the folder, the agent sees it, the server predicts, a technician and an
approver sign as processes of their own, the device verifies and repairs. The drill only watches, through the same API
that people use and through the agent's own command line, and says which stage came true when.
"""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

from sereno_proto.errors import Refused
from sereno_proto.ids import sha256
from sereno_server.demo import machine
from sereno_server.demo.place import QUOTA_BYTES
from sereno_server.demo.processes import Waiting
from sereno_server.demo.story import Story
from sereno_server.demo.world import World

PLAYBOOK = "disk.free_space"
FOLDER = "app-logs"
BYTES_PER_S = 350_000
QUIET_S = 20.0  # ordinary life before the change: the log grows and rotates
FORECAST_S = 140.0
TICKET_S = 20.0
CHECKS_S = 30.0
PLAN_S = 40.0
RUN_S = 60.0
RESOLVED_S = 60.0
RESOLVED = frozenset({"resolved", "closed"})


class DiskDrill:
    """One performance of the story on a running world."""

    def __init__(self, world: World, story: Story, device: dict[str, Any]) -> None:
        self._world, self._story = world, story
        self._device_id: str = device["id"]
        self._client = world.client("noa")
        self._began = datetime.now(UTC)

    def play(self) -> None:
        """Plays all stages; raises E_TIMEOUT or what went wrong, with the stage in the story."""
        self._break_rotation()
        forecast = self._forecast()
        ticket = self._ticket(forecast)
        self._checks(ticket["id"])
        self._proposed(ticket["id"])
        run_id = self._approved(ticket["id"])
        self._applied(run_id)
        self._verified(run_id)
        self._resolved(ticket["id"], forecast["id"], run_id)

    def _break_rotation(self) -> None:
        """Ordinary life first, then the edit, which the agent must have seen from both sides."""
        place = self._world.place
        before = place.agent / "versions" / sha256(machine.ROTATING.encode()).replace(":", "-")
        for _ in Waiting("the agent's copy of app.conf", 20):
            if before.exists():
                break
        arguments = [str(place.app_logs), str(place.app_config), str(BYTES_PER_S)]
        self._world.processes.start("writer", "sereno_server.demo.writer", arguments, self._world.environment)
        self._story.say("the application writes its log and rotates it")
        time.sleep(QUIET_S)
        self._began = datetime.now(UTC)
        place.app_config.write_text(machine.NOT_ROTATING)
        self._story.say("somebody edits app.conf: rotate = off; from now on the log only grows")

    def _forecast(self) -> dict[str, Any]:
        for _ in self._until("forecast", FORECAST_S):
            for forecast in self._get(f"/devices/{self._device_id}")["forecasts"]:
                if forecast["object"] == FOLDER and forecast["full_at"] and self._since(forecast["updated_at"]):
                    self._tell_forecast(forecast)
                    return dict(forecast)
        raise AssertionError

    def _tell_forecast(self, forecast: dict[str, Any]) -> None:
        now = datetime.now(UTC)
        left, low, high = (
            int((datetime.fromisoformat(forecast[key] or forecast["full_at"]) - now).total_seconds())
            for key in ("full_at", "full_at_low", "full_at_high")
        )
        used = machine.used_bytes(self._world.place.app_logs) / QUOTA_BYTES
        self._story.stage(
            "forecast", f"{FOLDER} is {used:.0%} full and will be full in {left} s (80 %: {low} to {high} s)"
        )
        if used >= 1:
            raise Refused("E_TIMEOUT", "the forecast came when the folder was full already")

    def _ticket(self, forecast: dict[str, Any]) -> dict[str, Any]:
        """One ticket, with the forecast and the change with its diff as its first cause."""
        for _ in self._until("ticket", TICKET_S):
            mine = [row for row in self._open_tickets() if row["device_id"] == self._device_id]
            if len(mine) > 1:
                raise Refused("E_CONFLICT", f"{len(mine)} tickets were opened for one cause")
            for row in mine:
                ticket = self._get(f"/tickets/{row['id']}")
                causes = sorted(ticket["causes"], key=lambda cause: int(cause["rank"]))
                held = ticket["forecast"] and ticket["forecast"]["id"] == forecast["id"]
                if held and causes and "-rotate = on" in causes[0]["change"]["diff"]:
                    number = f"T-{ticket['number']}"
                    self._story.stage("ticket", f"{number} {ticket['title']}; likely cause: {causes[0]['why']}")
                    return dict(ticket)
        raise AssertionError

    def _checks(self, ticket_id: str) -> None:
        for _ in self._until("checks", CHECKS_S):
            found = [one for one in self._get(f"/tickets/{ticket_id}")["findings"] if self._since(one["at"])]
            if found:
                self._story.stage("checks", "; ".join(dict.fromkeys(one["title"] for one in found[:3])))
                return

    def _proposed(self, ticket_id: str) -> None:
        for _ in self._until("proposed", PLAN_S):
            run = self._get(f"/tickets/{ticket_id}")["run"]
            if run and run["playbook"] == PLAYBOOK and run["state"] == "planned" and run["plan_text"]:
                lines = run["plan_text"].splitlines()
                steps = [line.partition(": ")[2] for line in lines if ".effect: " in line]
                self._story.stage("proposed", f"{PLAYBOOK}, risk {run['risk']}: " + "; ".join(steps))
                return

    def _approved(self, ticket_id: str) -> str:
        """The technician asks and signs, the approver reads the device's text and signs: two processes, two keys."""
        number = f"T-{self._get(f'/tickets/{ticket_id}')['number']}"
        self._world.sereno("run", number, PLAYBOOK, "--as", "noa", "--yes")
        run: dict[str, Any] = self._get(f"/tickets/{ticket_id}")["run"]
        if run["requester"] != "noa":
            raise Refused("E_REQUESTER_UNSIGNED", f"the run that waits is asked for by {run['requester']}")
        self._world.sereno("approve", run["id"], "--as", "iker", "--yes")
        given = {(one["purpose"], one["person"]) for one in self._get(f"/runs/{run['id']}")["signatures"]}
        if given != {("request", "noa"), ("approve", "iker")}:
            raise Refused("E_SIGNATURE_MISSING", f"the run holds the signatures {sorted(given)}")
        self._story.stage("approved", f"{run['id']}: requested by noa, approved by iker, both over the device's text")
        return str(run["id"])

    def _applied(self, run_id: str) -> None:
        """Applied means on the disk: the file is back, and the log folder is smaller than it was."""
        for _ in self._until("applied", RUN_S):
            run = self._get(f"/runs/{run_id}")
            if run["state"] in {"failed", "refused", "expired", "denied"}:
                raise Refused(run["code"] or "E_CONFLICT", f"the run is {run['state']}: {run['what']}")
            restored = self._world.place.app_config.read_text() == machine.ROTATING
            done = [event["what"] for event in run["events"] if event["state"] == "step_done"]
            if restored and done:
                self._story.stage("applied", "; ".join(done))
                return

    def _verified(self, run_id: str) -> None:
        for _ in self._until("verified", RUN_S):
            run = self._get(f"/runs/{run_id}")
            if run["state"] in {"failed", "refused"}:
                raise Refused(run["code"] or "E_REQUIRE_FAILED", f"the run is {run['state']}: {run['what']}")
            used = machine.used_bytes(self._world.place.app_logs) / QUOTA_BYTES
            if run["state"] == "succeeded" and used < 1:
                self._story.stage("verified", f"the playbook's own check holds; {FOLDER} is {used:.0%} full")
                return

    def _resolved(self, ticket_id: str, forecast_id: str, run_id: str) -> None:
        """The ticket closes itself, the forecast is scored prevented, and both ledgers tell of the run."""
        for _ in self._until("resolved", RESOLVED_S):
            ticket = self._get(f"/tickets/{ticket_id}")
            scored = ticket["forecast"] and ticket["forecast"]["outcome"] == "prevented"
            if ticket["state"] in RESOLVED and scored and ticket["forecast"]["id"] == forecast_id:
                break
        local = [row for row in self._world.agent_json("history") if run_id in str(row)]
        central = self._client.get("/api/v1/ledger", search=run_id, limit=100)["items"]
        if not local or not central:
            raise Refused("E_LEDGER_BROKEN", f"the run is on {len(local)} local and {len(central)} central ledger rows")
        text = f"forecast scored prevented; {len(local)} rows in the device's ledger, {len(central)} in the server's"
        self._story.stage("resolved", text)

    def _until(self, stage: str, seconds: float) -> Waiting:
        for name in ("server", "agent", "writer"):
            self._world.processes.require(name)
        return Waiting(f"stage `{stage}`", seconds, poll_s=0.5)

    def _get(self, path: str) -> dict[str, Any]:
        answer: dict[str, Any] = self._client.get(f"/api/v1{path}")
        return answer

    def _open_tickets(self) -> list[dict[str, Any]]:
        return self._client.pages("/api/v1/tickets", state="open")

    def _since(self, moment: str) -> bool:
        return datetime.fromisoformat(moment) >= self._began - timedelta(seconds=1)
