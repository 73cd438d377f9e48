"""500 queued runs over 50 agents while server, agents and PostgreSQL are killed: each ran once, or is told as not run.

The witness is what the devices did. `SERENO_CHAOS_SEED` repeats a round.
"""

import asyncio
import contextlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from sereno_agent import ledger
from sereno_agent.folders import Folders
from sereno_agent.join import join
from sereno_proto import sshsig
from sereno_proto.errors import SerenoError
from sereno_proto.grants import BOUNDS, NAMESPACES, read_grant
from sereno_proto.ids import organisation_id
from sereno_proto.root import Root, write_root
from sereno_proto.roster import Person, Roster, RosterKey, Threshold, write_roster
from sereno_server.access.account import Account
from sereno_server.access.organisations import publish_roster, register_organisation
from sereno_server.gateway.authority import Authority
from sereno_server.gateway.join_codes import make_join_code
from sereno_server.grants.decide import sign_grant
from sereno_server.grants.draft import Wish, draft_grant
from sereno_server.store.embedded import EmbeddedPostgreSQL
from sereno_server.store.engine import Scope, Store
from sereno_server.store.tables import grant_devices, grants, runs

ROOT = Path(__file__).parents[2]
AGENTS_A_PROCESS, QUEUED_EACH = 5, 10
SHORT, SHORT_S = 2, 20  # so many of each agent's runs are queued for a short while only
PATIENCE_S = 150.0
DONE = {"remove_old_files": 1, "rotate_logs": 1}
ROLES = {"noa": "technician", "sam": "approver", "ada": "administrator"}
POLICY = '[folders.{name}]\npath = "{path}"\nrotate = ["*.log"]\nremove = ["*.old"]\n'


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Fleet:
    """A server with its PostgreSQL, and processes of agents; each can be killed and started again."""

    def __init__(self, folder: Path, processes: int) -> None:
        self.folder = folder
        self.late = processes - 1  # this one begins when the short windows are over
        self.agents = processes * AGENTS_A_PROCESS
        self.ports = {name: free_port() for name in ("HTTP", "LINK", "ENROLL")}
        self.environment = os.environ | {
            "PYTHONPATH": os.pathsep.join((str(ROOT), *filter(None, sys.path))),
            "SERENO_DATA_DIR": str(folder / "server"),
            "SERENO_LINK_HOST": "127.0.0.1",
            "SERENO_ENROLL_HOST": "127.0.0.1",
            **{f"SERENO_{name}_PORT": str(port) for name, port in self.ports.items()},
        }
        self.postgresql = EmbeddedPostgreSQL(folder / "server")
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.witness = folder / "witness"
        self.witness.touch()
        self.keys = {name: sshsig.generate(folder / name) for name in ("root", *ROLES)}
        self.organisation_id = ""
        self.store: Store | None = None

    # --- processes ----------------------------------------------------------------------------------------------------

    def start(self, name: str) -> None:
        arguments = ["-m", "sereno_server.cli.main", "serve"]
        if name != "server":
            number = int(name)
            states = [str(self.state(one)) for one in range(number * AGENTS_A_PROCESS, (number + 1) * AGENTS_A_PROCESS)]
            arguments = ["-m", "tests.end_to_end.queue_agents", str(self.witness), *states]
        with (self.folder / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=self.folder,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self, name: str) -> None:
        if name == "postgresql":
            pid = self.postgresql.pid
            if pid is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        else:
            self.running[name].kill()
            self.running[name].wait()

    def close(self) -> None:
        for process in self.running.values():
            process.terminate()
        for process in self.running.values():
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.postgresql.destroy()

    def state(self, number: int) -> Path:
        return self.folder / "agents" / f"till-{number}"

    def answers(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.ports["LINK"]), 1):
            return True
        return False

    # --- people and machines ------------------------------------------------------------------------------------------

    def set_up(self) -> None:
        self.start("server")
        until(self.answers, "the server answers")
        for number, code in enumerate(asyncio.run(self._organisation())):
            folders = Folders(self.state(number))
            join(folders, code, f"till-{number}")
            queue = "".join(POLICY.format(name=f"q{one}", path=self.folder) for one in range(QUEUED_EACH))
            allow = '[actions]\nallow = ["remove_old_files", "rotate_logs"]\n'
            folders.policy.write_text(queue + allow)
            folders.policy.chmod(0o600)

    async def _organisation(self) -> list[str]:
        store = Store(self.postgresql.url(), pooled=False)
        root_text = write_root(Root("Bakeries", 1, (self.keys["root"].public_key,)))
        self.organisation_id = organisation_id(root_text)
        now = datetime.now(UTC).replace(microsecond=0)
        persons = tuple(
            Person(name, name.title(), role, (RosterKey("approve", self.keys[name].public_key),))
            for name, role in ROLES.items()
        )
        thresholds = {"low": Threshold(1), "medium": Threshold(1), "high": Threshold(2)}
        expires = now + timedelta(days=30)
        text = write_roster(Roster(self.organisation_id, 1, now, expires, persons, thresholds))
        authority = await Authority.load(store, now)
        async with store.transaction(Scope.system()) as tx:
            signature = self.keys["root"].sign(root_text, sshsig.ROOT_NAMESPACE)
            await register_organisation(tx, root_text, [signature], "ada")
            signature = self.keys["root"].sign(text, sshsig.ROSTER_NAMESPACE)
            await publish_roster(tx, self.organisation_id, text, [signature], actor="ada", now=now)
            address = f"localhost:{self.ports['ENROLL']}"
            return [
                await make_join_code(tx, self.organisation_id, "ada", address, authority.fingerprint, now)
                for _ in range(self.agents)
            ]

    async def queue(self) -> None:
        """Ten bounds over all devices, each signed by three people; the last of them for a short while only."""
        self.store = store = Store(self.postgresql.url(), pooled=False)
        people = {name: Account(f"acc_{name}", name, name, role, self.organisation_id) for name, role in ROLES.items()}
        names = [f"till-{number}" for number in range(self.agents)]
        for number in range(QUEUED_EACH):
            hours = SHORT_S / 3600 if number >= QUEUED_EACH - SHORT else 2.0
            wish = Wish(BOUNDS, "disk.free_space", names, {"folder": f"q{number}"}, hours=hours)
            grant_id = await draft_grant(self, people["noa"], wish)
            async with store.transaction(Scope(self.organisation_id)) as tx:
                text = bytes(await tx.scalar(select(grants.c.text).where(grants.c.id == grant_id)) or b"")
            for name, purpose in (("noa", "request"), ("sam", "approve"), ("ada", "approve")):
                signature = self.keys[name].sign(text, NAMESPACES[BOUNDS][purpose])
                state = await sign_grant(self, people[name], grant_id, purpose, signature)
            assert state == "active"

    @property
    def gateway(self) -> Any:
        raise AssertionError("drafting and signing reach no device")

    # --- what the server says -----------------------------------------------------------------------------------------

    def told(self) -> list[dict[str, Any]]:
        """Every queued run with what became of it; [] while PostgreSQL is on its way back."""

        async def read() -> list[dict[str, Any]]:
            store = Store(self.postgresql.url(), pooled=False)
            async with store.transaction(Scope.system()) as tx:
                result = await tx.execute(
                    select(
                        grant_devices.c.device_id,
                        grants.c.text,
                        grant_devices.c.state.label("place"),
                        grant_devices.c.code.label("place_code"),
                        runs.c.state,
                        runs.c.code,
                        runs.c.what,
                    )
                    .join(grants, grants.c.id == grant_devices.c.grant_id)
                    .outerjoin(runs, runs.c.id == grant_devices.c.run_id)
                )
                return [dict(row) for row in result.mappings()]

        with contextlib.suppress(SQLAlchemyError, SerenoError, OSError):
            return asyncio.run(read())
        return []

    def log(self) -> str:
        return "\n".join(f"--- {path.name}\n{path.read_text()[-3000:]}" for path in sorted(self.folder.glob("*.log")))


def until(true: Callable[[], object], what: str, wait_s: float = PATIENCE_S) -> None:
    deadline = time.monotonic() + wait_s
    while not true():
        assert time.monotonic() < deadline, f"in {wait_s:g} s it did not come true: {what}"
        time.sleep(0.25)


@contextlib.contextmanager
def _fleet(processes: int) -> Iterator[Fleet]:
    folder = Path(tempfile.mkdtemp(prefix="sereno-queue-"))
    folder.chmod(0o711)
    made = Fleet(folder, processes)
    try:
        yield made
    finally:
        made.close()
        shutil.rmtree(folder, ignore_errors=True)


ENDED = {"succeeded", "failed", "refused"}
NOT_RUN = {"expired", "refused"}


def over(row: dict[str, Any]) -> bool:
    return row["state"] in ENDED or (row["state"] is None and row["place"] in NOT_RUN)


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_each_of_100_queued_runs_ran_once_or_is_told_as_not_run() -> None:
    with _fleet(2) as fleet:
        _round(fleet, kills=4, pause_s=2.0, victims=["server", "0"])


@pytest.mark.chaos
@pytest.mark.timeout(900)
@pytest.mark.parametrize("round_number", range(3))
def test_each_of_500_queued_runs_over_50_agents(round_number: int) -> None:
    with _fleet(10) as fleet:
        _round(fleet, kills=20, pause_s=1.5, victims=["server", "postgresql", *map(str, range(fleet.late))])


def _round(fleet: Fleet, *, kills: int, pause_s: float, victims: list[str]) -> None:
    seed = os.environ.get("SERENO_CHAOS_SEED") or f"{random.SystemRandom().getrandbits(32):08x}"
    chance = random.Random(seed)
    say(f"SERENO_CHAOS_SEED={seed}")
    began = time.monotonic()
    fleet.set_up()
    say(f"{fleet.agents} agents joined after {time.monotonic() - began:.1f} s")
    asyncio.run(fleet.queue())
    say(f"{fleet.agents * QUEUED_EACH} runs queued and signed after {time.monotonic() - began:.1f} s")
    queued = time.monotonic()
    for number in range(fleet.late):
        fleet.start(str(number))
    weights = [4 if name == "server" else 1 for name in victims]  # the server counts for several agents
    killed: Counter[str] = Counter()
    for _ in range(kills):
        time.sleep(chance.uniform(0.1, 2 * pause_s))
        [name] = chance.choices(victims, weights)
        fleet.kill(name)
        killed[name if name in {"server", "postgresql"} else "agents"] += 1
        time.sleep(chance.uniform(0.0, 0.5))
        if name != "postgresql":
            fleet.start(name)
    say(f"killed {dict(killed)} within {time.monotonic() - queued:.1f} s")
    time.sleep(max(0.0, queued + SHORT_S + 1 - time.monotonic()))
    fleet.start(str(fleet.late))
    try:
        until(lambda: (rows := fleet.told()) and all(map(over, rows)), "every queued run is over")
        _compare(fleet, fleet.told())
    except BaseException:
        say("\n".join(str(row | {"text": ""}) for row in fleet.told() if not over(row)))
        say(fleet.log())
        raise
    say(f"all over after {time.monotonic() - began:.1f} s")


def _compare(fleet: Fleet, rows: list[dict[str, Any]]) -> None:
    """What the server says of each run beside what its device did."""
    did: dict[tuple[str, str], Counter[str]] = {}
    for line in fleet.witness.read_text().splitlines():
        device, folder, action = line.split()
        did.setdefault((device, folder), Counter())[action] += 1
    outcomes: Counter[str] = Counter()
    for row in rows:
        folder = read_grant(row["text"]).steps[0].parameters["folder"]
        done = did.pop((row["device_id"], folder), Counter())
        assert all(times == 1 for times in done.values()), f"{row} did {done}"
        if row["state"] == "succeeded":
            outcomes["ran once"] += 1
            assert done == DONE, f"{row} did {done}"
        elif row["state"] == "failed" and row["code"] == "E_INTERRUPTED":
            cut = "cut off before its first step" if "before its first step" in row["what"] else "cut off in the middle"
            outcomes[f"{cut}, told so"] += 1
            assert not done or "nothing was done" not in row["what"], f"{row} did {done}"
        else:
            outcomes[f"not run: {row['place']} {row['place_code'] or row['code'] or ''}".rstrip()] += 1
            assert done == {}, f"{row} did {done}"
    assert did == {}, "a device did what was not queued"
    assert len(rows) == fleet.agents * QUEUED_EACH
    assert outcomes["ran once"] > 0
    assert sum(times for what, times in outcomes.items() if what.startswith("not run")) >= SHORT * AGENTS_A_PROCESS
    for number in range(fleet.agents):
        ledger.verify(Folders(fleet.state(number)).ledger)
    say(json.dumps(outcomes, indent=1))
