"""kill -9 of the server, the agent and PostgreSQL at random moments: nothing that was spooled is lost or stored twice.

The witness is the agent's spool: a hard link to each of its segment files keeps every message that was ever spooled,
whatever the agent removed after its acknowledgement. `SERENO_CHAOS_SEED` repeats a round, `SERENO_CHAOS_ROUNDS` sets
how many there are.
"""

import asyncio
import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import psutil
import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from sereno_agent import frames
from sereno_agent.folders import Folders
from sereno_agent.series import Series
from sereno_proto import sshsig
from sereno_proto.errors import SerenoError
from sereno_proto.ids import organisation_id
from sereno_proto.root import Root, write_root
from sereno_proto.roster import DEFAULT_THRESHOLDS, Person, Roster, RosterKey, write_roster
from sereno_proto.v1.link_pb2 import Up
from sereno_server.access.organisations import publish_roster, register_organisation
from sereno_server.gateway.authority import Authority
from sereno_server.gateway.join_codes import make_join_code
from sereno_server.store import samples
from sereno_server.store.embedded import EmbeddedPostgreSQL
from sereno_server.store.engine import Scope, Store
from sereno_server.store.samples import SeriesKey
from sereno_server.store.tables import devices, epochs

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(300)]

ROUNDS = int(os.environ.get("SERENO_CHAOS_ROUNDS", "20"))
KILLS = 6
WAIT_S = 90.0
INTERVAL_MS = 100

Samples = Counter[tuple[str, int, float]]


def _until(true: Callable[[], object], what: str, wait_s: float = WAIT_S) -> None:
    deadline = time.monotonic() + wait_s
    while not true():
        assert time.monotonic() < deadline, f"in {wait_s:g} s it did not come true: {what}"
        time.sleep(0.05)


def _say(line: str) -> None:
    """Shown by pytest when the round fails, the seed first."""
    sys.stdout.write(line + "\n")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Installation:
    """A server, its private PostgreSQL and one agent, as processes that can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / "agent"
        self.data = folder / "server"
        self.archive = folder / "archive"
        self.archive.mkdir()
        self.ports = {name: _free_port() for name in ("HTTP", "LINK", "ENROLL")}
        self.environment = os.environ | {
            "PYTHONPATH": os.pathsep.join(sys.path),
            "SERENO_DATA_DIR": str(self.data),
            "SERENO_COLLECT_INTERVAL_MS": str(INTERVAL_MS),
            "SERENO_LINK_HOST": "127.0.0.1",
            "SERENO_ENROLL_HOST": "127.0.0.1",
            **{f"SERENO_{name}_PORT": str(port) for name, port in self.ports.items()},
        }
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.postgresql = EmbeddedPostgreSQL(self.data)
        self._ended = threading.Event()
        self._linker = threading.Thread(target=self._link_segments, daemon=True)

    # --- processes ----------------------------------------------------------------------------------------------------

    def start(self, name: str) -> None:
        commands = {
            "server": ["sereno_server.cli.main", "serve"],
            "agent": ["sereno_agent.cli", "run", "--state", str(self.state)],
        }
        with (self.folder / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(
                [sys.executable, "-m", *commands[name]],
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

    def end(self, name: str) -> None:
        self.running[name].terminate()
        ended = {0, -signal.SIGTERM}  # the latter when it was still starting
        assert self.running[name].wait(30) in ended, (self.folder / f"{name}.log").read_text()[-4000:]

    def close(self) -> None:
        self._ended.set()
        for process in self.running.values():
            if process.poll() is None:
                process.kill()
                process.wait()
        if self._linker.is_alive():
            self._linker.join()
        self.postgresql.destroy()

    def log(self) -> str:
        return "\n".join(f"--- {path.name}\n{path.read_text()[-3000:]}" for path in self.folder.glob("*.log"))

    # --- setting up ---------------------------------------------------------------------------------------------------

    def set_up(self) -> None:
        self.start("server")
        _until(self._server_answers, "the server answers")
        code = asyncio.run(self._organisation())
        self.state.mkdir(mode=0o700)
        (self.state / "agent.toml").write_text(f"collect_interval_ms_min = {INTERVAL_MS}\n")
        join = [sys.executable, "-m", "sereno_agent.cli", "join", code, "--state", str(self.state), "--name", "chaos"]
        done = subprocess.run(join, env=self.environment, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        self._linker.start()
        self.start("agent")
        _until(lambda: self.high_water() > 0, "the first message is committed")

    def _server_answers(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.ports["HTTP"]), 1):
            return True
        return False

    async def _organisation(self) -> str:
        root_key = sshsig.generate(self.folder / "root.key")
        person_key = sshsig.generate(self.folder / "person.key")
        root_text = write_root(Root("Chaos", 1, (root_key.public_key,)))
        now = datetime.now(UTC).replace(microsecond=0)
        person = Person("noa", "Noa", "technician", (RosterKey("approve", person_key.public_key),))
        organisation = organisation_id(root_text)
        roster = write_roster(
            Roster(organisation, 1, now, now + timedelta(days=30), (person,), dict(DEFAULT_THRESHOLDS))
        )
        store = Store(self.postgresql.url(), pooled=False)
        authority = await Authority.load(store, now)
        async with store.transaction(Scope.system()) as tx:
            signature = root_key.sign(root_text, sshsig.ROOT_NAMESPACE)
            await register_organisation(tx, root_text, [signature], "ada")
            signature = root_key.sign(roster, sshsig.ROSTER_NAMESPACE)
            await publish_roster(tx, organisation, roster, [signature], actor="ada", now=now)
            address = f"localhost:{self.ports['ENROLL']}"
            return await make_join_code(tx, organisation, "ada", address, authority.fingerprint, now)

    # --- the witness --------------------------------------------------------------------------------------------------

    def _link_segments(self) -> None:
        while not self._ended.wait(0.01):
            self._link_once()

    def _link_once(self) -> None:
        for path in Folders(self.state).spool.glob("*/*.seg"):
            with contextlib.suppress(FileExistsError, FileNotFoundError):
                os.link(path, self.archive / f"{path.parent.name}-{path.name}")

    def spooled(self) -> Iterator[Up]:
        """Every message that ever was in the spool."""
        self._link_once()
        for path in sorted(self.archive.iterdir()):
            handle = os.open(path, os.O_RDONLY)
            try:
                size, offset = os.fstat(handle).st_size, 0
                while (found := frames.read(handle, offset, size)) is not None:
                    yield Up.FromString(found.payload)
                    offset = found.end
            finally:
                os.close(handle)

    def sent(self) -> Samples:
        """Every sample that ever was in the spool."""
        names = Series(Folders(self.state).spool / "series").names
        texts = {
            number: SeriesKey(name.name, tuple(sorted(name.labels.items()))).text for number, name in names.items()
        }
        found: Samples = Counter()
        for up in self.spooled():
            for matrix in up.samples.matrices:
                values = np.frombuffer(matrix.values, "<f8").reshape(len(matrix.time_ms), len(matrix.series))
                for row, moment in enumerate(matrix.time_ms):
                    for column, number in enumerate(matrix.series):
                        found[texts[number], moment, float(values[row, column])] += 1
        return found

    def stored(self) -> Samples:
        """Every sample that the server has."""

        async def read() -> Samples:
            store = Store(self.postgresql.url(), pooled=False)
            async with store.transaction(Scope.system()) as tx:
                device = (await tx.execute(select(devices.c.organisation_id, devices.c.id))).one()
                known = await samples.series_ids(tx, *device)
                columns = await samples.read(tx, *device, None, 0, 2**60)
            texts = {number: text for text, number in known.items()}
            return Counter(
                (texts[number], moment, value)
                for number, (times, values) in columns.items()
                for moment, value in zip(times.tolist(), values.tolist(), strict=True)
            )

        return asyncio.run(read())

    def high_water(self) -> int:
        async def read() -> int:
            store = Store(self.postgresql.url(), pooled=False)
            async with store.transaction(Scope.system()) as tx:
                return int((await tx.execute(select(epochs.c.high_water))).scalar_one_or_none() or 0)

        with contextlib.suppress(OperationalError, SerenoError):  # PostgreSQL is on its way back
            return asyncio.run(read())
        return -1


@pytest.fixture
def installation() -> Iterator[Installation]:
    folder = Path(tempfile.mkdtemp(prefix="sereno-chaos-"))
    folder.chmod(0o711)
    made = Installation(folder)
    try:
        yield made
    finally:
        made.close()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.parametrize("round_number", range(ROUNDS))
def test_nothing_acknowledged_is_lost_and_nothing_is_stored_twice(
    installation: Installation, round_number: int
) -> None:
    seed = os.environ.get("SERENO_CHAOS_SEED") or f"{random.SystemRandom().getrandbits(32):08x}"
    chance = random.Random(seed)
    _say(f"SERENO_CHAOS_SEED={seed}")
    installation.set_up()
    for _ in range(KILLS):
        time.sleep(chance.uniform(0.2, 2.5))
        victims = chance.sample(["server", "agent", "postgresql"], chance.choice([1, 1, 2]))
        _say(f"kill {victims}")
        for name in victims:
            installation.kill(name)
        time.sleep(chance.uniform(0.0, 0.5))
        for name in victims:
            if name != "postgresql":
                installation.start(name)
    try:
        _drain(installation)
        sent, stored = installation.sent(), installation.stored()
    except BaseException:
        _say(installation.log())
        raise
    _say(f"{sum(sent.values())} samples were spooled, {sum(stored.values())} are stored")
    assert len(sent) > 0
    assert sent - stored == Counter(), "samples are missing"
    assert stored - sent == Counter(), "samples are there twice"
    _leaves_nothing(installation)


def _drain(installation: Installation) -> None:
    """Lets the agent send all that it ever spooled. Its back-off begins anew with the process."""
    _until(installation._server_answers, "the server answers again")
    _until(lambda: installation.high_water() >= 0, "PostgreSQL answers again")
    installation.end("agent")
    last = max(up.sequence for up in installation.spooled())
    installation.start("agent")
    _until(lambda: installation.high_water() >= last, f"everything up to {last} is committed")
    installation.end("agent")
    last = max(up.sequence for up in installation.spooled())
    if installation.high_water() < last:  # what the end of the agent itself spooled
        installation.start("agent")
        _until(lambda: installation.high_water() >= last, f"everything up to {last} is committed")
        installation.kill("agent")
    _settle(installation)


def _settle(installation: Installation) -> None:
    """Waits until the server has stored what was still under way when the agent went."""
    last = max(up.sequence for up in installation.spooled())
    with contextlib.suppress(AssertionError):
        _until(lambda: installation.high_water() >= last, "the rest", 3.0)


def _leaves_nothing(installation: Installation) -> None:
    """The server ends in order and takes its PostgreSQL and its children with it."""
    installation.end("server")
    assert installation.postgresql.pid is None
    left = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get("SERENO_DATA_DIR") == str(installation.data):
                left.append((process.pid, process.cmdline()))
    assert left == []
