"""The organisation's own playbooks: a folder, or a git repository that is fetched now and then. Read, never executed.

What cannot be read as a whole is not used at all: the library of before stays in use, and the log says why. A playbook
of one's own is compiled like any other; on the device nothing runs but actions that people have signed.
"""

import asyncio
import logging
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sereno_proto.errors import BadInput, SerenoError
from sereno_proto.ids import sha256
from sereno_proto.limits import PLAYBOOK_REPOSITORY_BYTES_MAX
from sereno_server.runs.playbooks import LIBRARY, SHELF, load_library, playbook_files

if TYPE_CHECKING:
    from sereno_server.app import App

LOOK_EVERY_S: Final = 60.0
GIT_TIMEOUT_S: Final = 60.0
_REMOTE: Final = re.compile(r"(https|ssh|file)://[!-~]+|[a-z0-9_.-]+@[A-Za-z0-9.-]+:[!-~]+")
# Nothing that a repository holds may become a program, a path elsewhere, or a question at a terminal.
_CAREFUL: Final = (
    *("-c", "core.hooksPath=/dev/null"),
    *("-c", "core.symlinks=false"),
    *("-c", "core.fsmonitor=false"),
    *("-c", "protocol.ext.allow=never"),
    *("-c", "submodule.recurse=false"),
)

log = logging.getLogger(__name__)


async def run(app: "App") -> None:
    """Keeps the library in use fresh, until cancelled; without a place of one's own there is nothing to do."""
    place = app.settings.playbooks
    if not place:
        await asyncio.Event().wait()
    own = Own(place, app.settings.data_dir / "playbooks")
    while True:
        try:
            await asyncio.to_thread(own.refresh)
        except SerenoError as error:
            log.warning("playbooks: %s; those of before stay in use", error.line())
        except (OSError, subprocess.SubprocessError) as error:
            log.warning("playbooks: %s cannot be read: %s", place, str(error).splitlines()[0])
        await asyncio.sleep(LOOK_EVERY_S)


class Own:
    """The place named in the settings, and what of it is in use."""

    def __init__(self, place: str, copies: Path) -> None:
        self._place = place
        self._copies = copies
        self._head = ""
        self._digest = ""

    def refresh(self) -> bool:
        """Puts what is there now on the shelf; tells whether it had changed.

        Raises E_PLAYBOOK_* with file and line, E_CONFIG, OSError or SubprocessError; then nothing has changed.
        """
        folder = self._fetched() if _REMOTE.fullmatch(self._place) else Path(self._place)
        if not folder.is_dir():
            raise BadInput("E_CONFIG", f"playbooks: {folder} is no folder")
        digest = sha256(b"\0".join(name.encode() + b"\0" + path.read_bytes() for path, name in playbook_files(folder)))
        if digest == self._digest:
            return False
        library = load_library([LIBRARY, folder])
        SHELF.put(library)
        self._digest = digest
        log.info(
            "playbooks: %d in use, %d of them from %s", len(library.playbooks), len(playbook_files(folder)), folder
        )
        return True

    def _fetched(self) -> Path:
        """A copy of the repository's newest commit; the copy of before goes when this one is complete."""
        head = _git("ls-remote", "--", self._place, "HEAD").split("\t")[0].strip()
        copy = self._copies / "repository"
        if head == self._head and copy.is_dir():
            return copy
        self._copies.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix="fetching-", dir=self._copies))
        try:
            cloned = fresh / "repository"
            _git("clone", "--quiet", "--depth", "1", "--no-tags", "--single-branch", "--", self._place, str(cloned))
            size = sum(path.lstat().st_size for path in cloned.rglob("*") if path.is_file())
            if size > PLAYBOOK_REPOSITORY_BYTES_MAX:
                raise BadInput("E_LIMIT", f"the repository of playbooks takes {size} bytes")
            load_library([LIBRARY, cloned])  # before it takes the place of the one that works
            shutil.rmtree(copy, ignore_errors=True)
            cloned.rename(copy)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
        self._head = head
        return copy


def _git(*arguments: str) -> str:
    """What git says; raises E_CONFIG when there is no git, else SubprocessError with its last line."""
    program = shutil.which("git")
    if program is None:
        raise BadInput("E_CONFIG", "playbooks are in a git repository, and git is not installed")
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": os.environ.get("HOME", "/nonexistent"),  # keys and proxies of the server's user
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ALLOW_PROTOCOL": "https:ssh:file",
        "GIT_LFS_SKIP_SMUDGE": "1",
        "LC_ALL": "C.UTF-8",
    }
    done = subprocess.run(
        [program, *_CAREFUL, *arguments], env=environment, capture_output=True, timeout=GIT_TIMEOUT_S, check=False
    )
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["nothing"]
        raise subprocess.SubprocessError(f"git {arguments[0]} ended with {done.returncode}: {said[-1][:300]}")
    return done.stdout.decode("utf-8", "replace")
