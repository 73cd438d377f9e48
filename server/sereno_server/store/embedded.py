"""A private PostgreSQL below the server's data folder: made, started, attached to, watched and stopped here.

Passwords only (scram-sha-256), one socket in a folder that nobody else enters, no TCP. It survives a killed server,
which attaches to it again; when PostgreSQL itself is killed, `supervise` starts it anew.
"""

import asyncio
import contextlib
import json
import logging
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil
import psycopg

from sereno_proto.errors import SerenoError
from sereno_proto.ids import new_id
from sereno_server.store import binaries

SUPERUSER = "postgres"
ROLE = "sereno"  # owns the database, but is no superuser: row-level security binds it
DATABASE = "sereno"
SOCKET_PATH_BYTES_MAX = 90  # the kernel takes 107, PostgreSQL adds a file name
START_S_MAX = 60.0
STOP_S_MAX = 20.0
RESTART_DELAY_S = 0.2
POLL_S = 0.02
IO_METHOD_SINCE = 18

log = logging.getLogger(__name__)

_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
    "jit": "off",
    "max_connections": "60",
}


class EmbeddedPostgreSQL:
    """One private PostgreSQL. `start` gives the URL of its database; blocking calls, to be made in a thread."""

    def __init__(self, data_dir: Path, *, pg_bin: Path | None = None, options: dict[str, str] | None = None) -> None:
        self._data_dir = data_dir
        self._pg_bin = pg_bin
        self._options = _SETTINGS | (options or {})
        self._user = binaries.account()
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping = threading.Event()

    # --- where things are ---------------------------------------------------------------------------------------------

    def _place(self) -> Path:
        """The folder that PostgreSQL's user owns: below the data folder where that user can reach it."""
        near = self._data_dir / "postgresql"
        if self._user.is_self:
            return near
        pointer = self._data_dir / "postgresql.location"
        if pointer.exists():
            return Path(pointer.read_text().strip())
        place = near
        if not binaries.reachable(self._data_dir, self._user):
            place = binaries.SHARED / new_id("data")
            binaries.SHARED.mkdir(mode=0o755, parents=True, exist_ok=True)
        _write_private(pointer, str(place))
        return place

    def _passwords(self) -> dict[str, str]:
        path = self._data_dir / "postgresql.passwords.json"
        if not path.exists():
            _write_private(path, json.dumps({role: secrets.token_urlsafe(24) for role in (SUPERUSER, ROLE)}))
        found: dict[str, str] = json.loads(path.read_text())
        return found

    def _postmaster(self) -> tuple[int, str] | None:
        """(process id, socket folder) of a PostgreSQL that runs on our data, or None."""
        try:
            lines = (self._place() / "data" / "postmaster.pid").read_text().splitlines()
            pid, folder = int(lines[0]), lines[4].strip()
            process = psutil.Process(pid)
            name = process.name()
            ended = process.status() == psutil.STATUS_ZOMBIE  # killed, and its parent has not looked yet
        except (OSError, ValueError, IndexError, psutil.Error):
            return None
        return (pid, folder) if name.startswith("postgres") and folder and not ended else None

    def url(self, role: str = ROLE, database: str = DATABASE) -> str:
        """The address of a database of the running PostgreSQL. Raises E_POSTGRESQL when it does not run."""
        found = self._postmaster()
        if found is None:
            raise SerenoError("E_POSTGRESQL", "PostgreSQL does not run")
        password = quote(self._passwords()[role], safe="")
        return f"postgresql://{role}:{password}@/{database}?host={quote(found[1], safe='')}"

    @property
    def pid(self) -> int | None:
        """The process id of the running PostgreSQL, or None."""
        found = self._postmaster()
        return found[0] if found else None

    # --- start and stop -----------------------------------------------------------------------------------------------

    def start(self) -> str:
        """Makes the cluster where there is none, starts PostgreSQL or attaches to it; gives the database's URL."""
        self._stopping.clear()
        self._data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        programs = binaries.find(self._pg_bin, self._user)
        place = self._place()
        if not (place / "data" / "PG_VERSION").exists():
            self._make(programs, place)
        deadline = time.monotonic() + START_S_MAX
        while not self._ready():
            if time.monotonic() > deadline:
                raise SerenoError("E_POSTGRESQL", f"PostgreSQL did not start: {_tail(place / 'log')}")
            gone = self._process is None or self._process.poll() is not None
            if gone and self._postmaster() is None:
                self._launch(programs, place)
            time.sleep(POLL_S)
        return self.url()

    def stop(self) -> None:
        """Stops PostgreSQL in order, whoever started it, and waits until it is gone."""
        self._stopping.set()
        pid = self.pid
        if pid is None:
            return
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(pid)
            process.send_signal(signal.SIGINT)  # fast shutdown: open transactions roll back, the rest is written
            try:
                process.wait(STOP_S_MAX)
            except psutil.TimeoutExpired:
                process.send_signal(signal.SIGQUIT)
                process.wait(STOP_S_MAX)
        if self._process is not None:
            self._process.wait(STOP_S_MAX)
            self._process = None

    async def supervise(self) -> None:
        """Starts PostgreSQL again whenever it ends by itself; runs until cancelled."""
        while not self._stopping.is_set():
            pid = self.pid
            if pid is not None:
                await _ended(pid)
            if self._stopping.is_set():
                return
            log.warning("PostgreSQL ended by itself; it is started again")
            await asyncio.sleep(RESTART_DELAY_S)
            try:
                await asyncio.to_thread(self.start)
            except SerenoError as error:
                log.error("%s", error.line())  # noqa: TRY400 (one line for the administrator, not a trace)

    def destroy(self) -> None:
        """Stops PostgreSQL and removes all of its data; for tests and demos that start anew."""
        self.stop()
        shutil.rmtree(self._place(), ignore_errors=True)

    # --- steps of the start -------------------------------------------------------------------------------------------

    def _make(self, programs: Path, place: Path) -> None:
        """Runs initdb into a folder of its own, so that a start cut short leaves nothing half-made."""
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self._user.is_self:
            os.chown(place, self._user.uid, self._user.gid)
        for leftover in (place / "data.part", place / "data"):
            shutil.rmtree(leftover, ignore_errors=True)
        password = place / "password"
        _write_private(password, self._passwords()[SUPERUSER])
        if not self._user.is_self:
            os.chown(password, self._user.uid, self._user.gid)
        arguments = [
            str(programs / "initdb"), "--auth=scram-sha-256", f"--username={SUPERUSER}", f"--pwfile={password}",
            "--encoding=UTF8", "--locale=C", "--no-instructions", f"--pgdata={place / 'data.part'}",
        ]  # fmt: skip
        try:
            done = subprocess.run(arguments, capture_output=True, check=False, cwd="/", **self._dropped())
        finally:
            password.unlink()
        if done.returncode:
            raise SerenoError("E_POSTGRESQL", f"initdb failed: {_last_line(done.stderr)}")
        (place / "data.part").rename(place / "data")

    def _dropped(self) -> dict[str, Any]:
        """Options of subprocess that give up root; none for an ordinary user."""
        environment = {key: value for key, value in os.environ.items() if key in ("PATH", "LD_LIBRARY_PATH", "TZ")}
        environment["LC_ALL"] = "C"
        if self._user.is_self:
            return {"env": environment}
        return {"env": environment, "user": self._user.uid, "group": self._user.gid, "extra_groups": []}

    def _launch(self, programs: Path, place: Path) -> None:
        sockets = self._socket_folder(place)
        settings = self._options | {"unix_socket_directories": str(sockets)}
        if int((place / "data" / "PG_VERSION").read_text()) >= IO_METHOD_SINCE:
            settings = {"io_method": "sync"} | settings  # three worker processes less; nothing here reads that much
        options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        log = os.open(place / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            self._process = subprocess.Popen(
                [str(programs / "postgres"), "-D", str(place / "data"), *options],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", start_new_session=True, **self._dropped(),
            )  # fmt: skip
        finally:
            os.close(log)

    def _socket_folder(self, place: Path) -> Path:
        near = place / "socket"
        if len(str(near).encode()) <= SOCKET_PATH_BYTES_MAX:
            near.mkdir(mode=0o700, exist_ok=True)
        else:
            near = Path(tempfile.mkdtemp(prefix="sereno-"))  # 0700, and nobody else can have made it
        if not self._user.is_self:
            os.chown(near, self._user.uid, self._user.gid)
        return near

    def _answers(self) -> bool:
        if self._postmaster() is None:
            return False
        try:
            with psycopg.connect(self.url(SUPERUSER, "postgres"), connect_timeout=5):
                return True
        except psycopg.OperationalError as error:
            if "password authentication failed" in str(error):
                raise SerenoError("E_POSTGRESQL", "the password file does not fit this PostgreSQL") from error
            return False

    def _ready(self) -> bool:
        """Whether it answers and has our database; it may be killed between the two, as at any moment."""
        if not self._answers():
            return False
        try:
            self._make_database()
        except (psycopg.OperationalError, SerenoError):
            return False
        return True

    def _make_database(self) -> None:
        """Makes the role and the database where they are missing."""
        with psycopg.connect(self.url(SUPERUSER, "postgres"), autocommit=True) as connection:
            if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (ROLE,)).fetchone():
                literal = psycopg.sql.Literal(self._passwords()[ROLE])
                connection.execute(
                    psycopg.sql.SQL("CREATE ROLE {} LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE PASSWORD {}").format(
                        psycopg.sql.Identifier(ROLE), literal
                    )
                )
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone():
                connection.execute(
                    psycopg.sql.SQL("CREATE DATABASE {} OWNER {}").format(
                        psycopg.sql.Identifier(DATABASE), psycopg.sql.Identifier(ROLE)
                    )
                )


def _write_private(path: Path, content: str) -> None:
    """Writes a file that only its owner reads, whole or not at all."""
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.rename(path)


def _tail(path: Path) -> str:
    try:
        return _last_line(path.read_bytes())
    except OSError:
        return "no log"


def _last_line(output: bytes) -> str:
    lines = output.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "no output"


async def _ended(pid: int) -> None:
    """Returns when the process is gone; by the kernel's word where it gives one, else by looking each second."""
    if hasattr(os, "pidfd_open"):
        try:
            handle = os.pidfd_open(pid)
        except ProcessLookupError:
            return
        loop, gone = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(handle, gone.set)
        try:
            await gone.wait()
        finally:
            loop.remove_reader(handle)
            os.close(handle)
    else:
        while psutil.pid_exists(pid):  # noqa: ASYNC110 (another process's end; there is no event for it here)
            await asyncio.sleep(1.0)
