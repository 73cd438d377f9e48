"""Is it installed as it must be: programs, settings, state folder, and who may write what."""

import importlib
import platform
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sereno_agent import VERSION, config
from sereno_agent.doctor_row import Row, bad, note, ok
from sereno_agent.folders import Folders

if TYPE_CHECKING:
    from sereno_agent.doctor import Patient

_MODULES: Final = ("grpc", "google.protobuf", "psutil", "cryptography")


def programs(_patient: "Patient") -> Iterator[Row]:
    """The agent's own version and what it needs."""
    missing = []
    for name in _MODULES:
        try:
            importlib.import_module(name)
        except ImportError as error:
            missing.append(f"{name} ({error})")
    if missing:
        yield bad(f"cannot be loaded: {', '.join(missing)}", "install the agent's package again")
    else:
        yield ok(f"sereno-agent {VERSION} on Python {platform.python_version()}, {sys.executable}")


def settings(patient: "Patient") -> Iterator[Row]:
    """agent.toml can be read."""
    found = config.load(patient.folders.config)
    there = patient.folders.config.exists()
    yield ok(f"{patient.folders.config}: {'can be read' if there else 'not there, the defaults hold'}")
    if found.collect_interval_ms_min > found.collect_interval_ms:
        yield note("agent.toml's shortest interval is longer than its usual one", "set collect_interval_ms_min lower")


def state_folder(patient: "Patient") -> Iterator[Row]:
    """The state folder is there, and closed to others."""
    state = patient.folders.state
    if not state.is_dir():
        yield bad(f"{state} does not exist", "run `sereno-agent join CODE`, or give the right folder with --state")
        return
    mode = stat.S_IMODE(state.stat().st_mode)
    if mode & (stat.S_IRWXO | stat.S_IWGRP):
        yield bad(
            f"{state} is open to others ({mode:04o})", f"chmod {'0750' if patient.folders.split else '0700'} {state}"
        )
    else:
        yield ok(f"{state} is closed to others")
    for parent in state.parents:
        if parent.stat().st_mode & stat.S_IWOTH and not parent.stat().st_mode & stat.S_ISVTX:
            yield bad(f"anybody can replace folders in {parent}", f"chmod o-w {parent}")


def separation(patient: "Patient") -> Iterator[Row]:
    """Where core and executor are two users: the core may write none of what the executor trusts."""
    folders = patient.folders
    if not folders.state.is_dir():
        return
    if not folders.split:
        yield note(
            "core and executor are one user: whoever breaks the core has the executor's files too",
            "install with installer/install.sh for two users; see docs/security.md",
        )
        return
    core = folders.core.stat().st_uid
    writable = [str(path) for path in kept_from_core(folders) if _may_write(path, core, folders)]
    if writable:
        yield bad(f"the core's user {core} may write {', '.join(writable)}", "run installer/install.sh again")
    else:
        yield ok(f"the core's user {core} may write no pins, policy, plans, ledger or identity")


def kept_from_core(folders: Folders) -> list[Path]:
    """What the executor trusts, and the folders in which it lies."""
    policy = config.load(folders.config).policy or folders.policy
    paths = [folders.state, folders.identity, folders.tls, folders.pins, folders.plans, folders.runs]
    paths += [folders.ledger, folders.config, policy, policy.parent, folders.lockdown, folders.joined]
    paths += [folders.root_text, folders.roster_text, folders.identity_key]
    return [path for path in paths if path.exists()]


def _may_write(path: Path, user: int, folders: Folders) -> bool:
    found = path.stat()
    if found.st_uid == user:
        return True
    group = folders.core.stat().st_gid
    return bool(found.st_mode & stat.S_IWOTH or (found.st_mode & stat.S_IWGRP and found.st_gid == group))
