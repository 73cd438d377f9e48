"""A whole installation, started and stopped: server with its PostgreSQL, people, and an agent that joins."""

import json
import socket
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import httpx

from sereno_proto.errors import BadInput, SerenoError
from sereno_server.approve_site import build
from sereno_server.cli import settings as cli_settings
from sereno_server.cli.client import Client
from sereno_server.config import Settings
from sereno_server.config import load as load_settings
from sereno_server.demo import accounts, machine, people
from sereno_server.demo.place import Place, write_private
from sereno_server.demo.processes import Lock, Processes, Waiting, environment_for_children
from sereno_server.demo.story import Story
from sereno_server.store.embedded import EmbeddedPostgreSQL

HOST = "127.0.0.1"
START_S = 60.0
LIVE_S = 90.0  # an agent whose server was away waits for up to a minute before it dials again
SEEN_S = 10.0


class World:
    """The demo's processes and what is needed to talk to them."""

    def __init__(self, place: Place, port: int, story: Story) -> None:
        self.place = place
        self.story = story
        self.url = f"http://localhost:{port}"
        self._port = port
        self.approve_url = ""
        place.make()
        self._lock = Lock(place)
        self.processes = Processes(place)
        self.environment = environment_for_children({"SERENO_CONFIG": str(place.cli_config)})
        self.settings = Settings()

    def start(self) -> None:
        """Starts everything; with an earlier start's data where there are some."""
        self.processes.end_leftovers()
        require_free(self._port)
        people.prepare(self.place)
        machine.prepare(self.place)
        link, enroll, approve = self._ports()
        self.approve_url = f"http://approve.localhost:{approve}"
        self._write_settings(link, enroll)
        accounts.enter(self.settings, self.place)
        self.start_approve_site(approve)
        self.start_server()
        self.start_agent(f"localhost:{link}")

    def start_approve_site(self, port: int) -> None:
        """Serves the approval page from an origin and a process of its own: files only, none of the server's code."""
        build.write(self.place.approve_site)
        arguments = ["--bind", HOST, "--directory", str(self.place.approve_site), str(port)]
        self.processes.start("approve-site", "http.server", arguments, self.environment)

    def start_server(self) -> None:
        """Starts the server process and waits until it answers."""
        arguments = ["serve", "--config", str(self.place.server_config)]
        self.processes.start("server", "sereno_server.cli.main", arguments, self.environment)
        self.wait_until_ready("server")

    def wait_until_ready(self, name: str) -> None:
        """Returns once the server process of that name answers; raises with its last words when it has ended."""
        for _ in Waiting("the server", START_S):
            self.processes.require(name)
            with suppress(httpx.TransportError):
                if httpx.get(f"{self.url}/readyz", timeout=5).is_success:
                    return

    def start_agent(self, link_address: str) -> None:
        """Joins this machine with a real join code where it has not joined yet, then starts its agent."""
        state = ["--state", str(self.place.agent)]
        if machine.is_joined(self.place):
            machine.redirect(self.place, link_address)
        else:
            code = self.client("ane").post("/api/v1/join-codes", {"valid_s": 600})["code"]
            arguments = ["join", code, *state, "--name", machine.device_name()]
            self.processes.run("sereno_agent.cli", arguments, self.environment)
        self.run_agent()

    def run_agent(self) -> None:
        """Starts the agent of a machine that has joined."""
        arguments = ["run", "--state", str(self.place.agent)]
        self.processes.start("agent", "sereno_agent.cli", arguments, self.environment)

    def agent(self, *arguments: str) -> str:
        """Runs `sereno-agent ARGUMENTS` on this machine, as its owner would."""
        return self.processes.run("sereno_agent.cli", [*arguments, "--state", str(self.place.agent)], self.environment)

    def device(self) -> dict[str, Any]:
        """This machine's row in the fleet."""
        device_id = json.loads((self.place.agent / "joined.json").read_text())["device_id"]
        return dict(self.client("noa").get(f"/api/v1/devices/{device_id}")["device"])

    def wait_until_connected(self) -> dict[str, Any]:
        """The device's row, once its stream is there."""
        for _ in Waiting("the device", LIVE_S):
            self.processes.require("agent")
            row = self.device()
            if row["connected"]:
                return row
        raise AssertionError

    def wait_until_live(self) -> dict[str, Any]:
        """The device's row, once it is connected and its first samples are there."""
        row = self.wait_until_connected()
        for _ in Waiting("the device's first samples", LIVE_S):
            self.processes.require("server")
            if any(one["latest"] for one in self.client("noa").get(f"/api/v1/devices/{row['id']}/series")):
                return row
        raise AssertionError

    def client(self, name: str) -> Client:
        """A signed-in client of one of the demo's people."""
        settings = cli_settings.load(self.place.cli_config)
        return Client(settings, settings.who(name))

    def sereno(self, *arguments: str, timeout_s: float = 90) -> str:
        """Runs `sereno ARGUMENTS` as a process of its own, as a person would."""
        return self.processes.run("sereno_server.cli.main", arguments, self.environment, timeout_s)

    def agent_json(self, command: str) -> list[dict[str, Any]]:
        """What the agent's own command line says with --json."""
        return list(json.loads(self.agent(command, "--json")))

    def login_link(self, name: str) -> str:
        """A one-time login link."""
        return accounts.login_link(self.settings, name)

    def stop(self) -> None:
        """Stops everything this demo started, PostgreSQL too, and lets the next one start."""
        try:
            self.processes.stop_all()
            with suppress(SerenoError):
                EmbeddedPostgreSQL(self.place.server_data).stop()
        finally:
            self._lock.release()

    def _ports(self) -> tuple[int, int, int]:
        """Ports for link, joining and the approval page: those of the earlier start while they are free, else any."""
        noted = self.place.read_state().get("ports", [])
        ports = noted if len(noted) == 3 and all(is_free(port) for port in noted) else free_ports(3)  # noqa: PLR2004
        self.place.write_state(ports=ports)
        return ports[0], ports[1], ports[2]

    def _write_settings(self, link: int, enroll: int) -> None:
        lines = [
            "# Written by `sereno demo` at each start. Two settings differ from production's defaults, so that the",
            "# drill takes minutes: collection each second, and a forecast pass every 5 s.",
            "collect_interval_ms = 1000",
            "forecast_interval_s = 5",
            f"data_dir = {json.dumps(str(self.place.server_data), ensure_ascii=False)}",
            f'public_url = "{self.url}"',
            f'approve_url = "{self.approve_url}"',
            f'http_host = "{HOST}"',
            f"http_port = {self._port}",
            f'link_host = "{HOST}"',
            f"link_port = {link}",
            f'enroll_host = "{HOST}"',
            f"enroll_port = {enroll}",
        ]
        write_private(self.place.server_config, "\n".join(lines) + "\n")
        write_private(self.place.cli_config, people.settings_text(self.place, self.url))
        self.settings = load_settings(self.place.server_config, self.environment)


def is_free(port: int) -> bool:
    """Whether nobody listens there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def require_free(port: int) -> None:
    """Raises E_PORT_TAKEN."""
    if not is_free(port):
        raise BadInput(
            "E_PORT_TAKEN", f"{HOST}:{port} is taken", f"stop what listens there, or choose --port {port + 1}"
        )


def free_ports(count: int) -> Sequence[int]:
    """Ports that were free a moment ago."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind((HOST, 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()
