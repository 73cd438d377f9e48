"""Does it work: the core runs, the server answers, the spool has room, the executor can be reached."""

import importlib.util
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from sereno_agent import agent_lock, config, status
from sereno_agent.doctor_row import Row, bad, note, ok

if TYPE_CHECKING:
    from sereno_agent.doctor import Patient

_STALE_S: Final = 60.0
_CONNECT_S: Final = 3.0
_FREE_BYTES_MIN: Final = 64 << 20
_EXECUTOR_S: Final = 20.0
_DRIVERS: Final = {"postgresql": "pg8000", "mysql": "pymysql"}


def core(patient: "Patient") -> Iterator[Row]:
    """It runs, it says so, and its collectors work."""
    folders = patient.folders
    if not folders.joined.exists():
        return
    if not agent_lock.is_held(folders):
        yield bad("the agent is not running", "systemctl start sereno-agent, or `sereno-agent run`")
        return
    said = status.read(folders.status)
    age_s = patient.now_s - said.get("written_ms", 0) / 1000
    if age_s > _STALE_S:
        yield bad(f"the agent runs and has said nothing for {age_s:.0f} s", "restart it, and report it")
    else:
        yield ok(f"the agent runs as process {said.get('pid')}")
    for name, one in said.get("collectors", {}).items():
        if one["error"]:
            yield bad(f"collector {name} fails: {one['error']}", f"try it alone: sereno-agent collect {name}")


def server(patient: "Patient") -> Iterator[Row]:
    """The server's port answers, and the link is up."""
    folders = patient.folders
    if not folders.joined.exists():
        return
    said = status.read(folders.status)
    if said.get("connected_since_ms") and agent_lock.is_held(folders):
        yield ok("connected to the server")
        return
    if said.get("link_error"):
        yield bad(f"not connected: {said['link_error']}", "see the next line for whether the server answers")
    if patient.offline:
        return
    address = config.read_joined(folders.joined).link_address
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), _CONNECT_S).close()
    except OSError as error:
        yield bad(
            f"{address} does not answer: {error}", "check network, firewall and name; only this way out is needed"
        )
    else:
        yield ok(f"{address} answers")


def spool(patient: "Patient") -> Iterator[Row]:
    """Room for what waits."""
    folders = patient.folders
    if not folders.core.is_dir():
        return
    free = shutil.disk_usage(folders.core).free
    if free < _FREE_BYTES_MIN:
        yield bad(
            f"{free / 1e6:.0f} MB are free where the spool lies", f"free some space on the disk of {folders.core}"
        )
    said = status.read(folders.status)
    dropped = sum(said.get("spool_dropped", {}).values())
    if said.get("spool_error"):
        yield bad(f"the spool: {said['spool_error']}", "free space; the oldest was dropped")
    elif dropped:
        yield note(f"{dropped} messages were dropped since the spool began", "spool_bytes_max in agent.toml bounds it")
    else:
        yield ok(f"{said.get('spool_bytes', 0) / 1e6:.1f} MB wait in the spool, nothing was dropped")


def databases(patient: "Patient") -> Iterator[Row]:
    """The drivers of the databases that agent.toml names are there, and so are password files."""
    for name, database in config.load(patient.folders.config).databases.items():
        driver = _DRIVERS.get(database.kind)
        if driver and importlib.util.find_spec(driver) is None:
            yield bad(f"database {name}: {driver} is not installed", "install sereno[databases]")
        elif database.password_file and not os.access(database.password_file, os.R_OK):
            yield bad(
                f"database {name}: this user cannot read {database.password_file}", "give the agent's user the file"
            )
        else:
            yield ok(f"database {name} is asked each minute; try it: sereno-agent collect databases")


def executor(patient: "Patient") -> Iterator[Row]:
    """It can be started, or its socket is there."""
    folders = patient.folders
    if folders.split:
        if not folders.executor_socket.is_socket():
            yield bad(f"{folders.executor_socket} is not there", "systemctl start sereno-executor.socket")
        else:
            yield ok(f"the executor is reached at {folders.executor_socket}")
        return
    command = [sys.executable, "-P", "-m", "sereno_agent.executor", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_EXECUTOR_S, check=False)
    if done.returncode:
        yield bad(f"the executor does not start: {done.stderr.strip()[-300:]}", "install the agent's package again")
    else:
        yield ok("the executor starts")
