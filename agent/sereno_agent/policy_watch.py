"""The policy in force: read again when its file changes; anything wrong with it means that nothing is allowed."""

import os
from collections.abc import Callable
from pathlib import Path

from sereno_agent import policy
from sereno_agent.policy import Policy
from sereno_agent.wants import Wants, narrow
from sereno_proto.errors import SerenoError

Load = Callable[[Path], Policy]


class PolicyWatch:
    """Holds the policy. Calling it gives the one in force: the owner's, made stricter where the server wishes."""

    def __init__(self, path: Path, load: Load = policy.load, wants: Wants | None = None) -> None:
        self._path = path
        self._load = load
        self._seen: tuple[int, int, int] | None = None
        self._own = Policy(error="not read yet")
        self._wants = wants or Wants()
        self._policy = self._own
        self.refresh()

    def __call__(self) -> Policy:
        return self._policy

    def wish(self, wants: Wants) -> bool:
        """Takes the server's wishes, in force from now on; gives whether they are others than before."""
        if wants == self._wants:
            return False
        self._wants = wants
        self._policy = narrow(self._own, wants)
        return True

    def refresh(self) -> bool:
        """Reads the file when it moved; gives whether the policy is another one now."""
        try:
            found = os.stat(self._path)  # noqa: PTH116, asked for all the time
            seen = (found.st_ino, found.st_size, found.st_mtime_ns)
        except OSError:
            seen = (0, 0, 0)
        if seen == self._seen:
            return False
        self._seen = seen
        before = self._own
        try:
            self._own = self._load(self._path)
        except SerenoError as error:
            self._own = Policy(error=error.line())
        self._policy = narrow(self._own, self._wants)
        return (before.digest, before.error) != (self._own.digest, self._own.error)
