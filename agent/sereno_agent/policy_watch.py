"""The policy in force: read again when its file changes; anything wrong with it means that nothing is allowed."""

import os
from collections.abc import Callable
from pathlib import Path

from sereno_agent import policy
from sereno_agent.policy import Policy
from sereno_proto.errors import SerenoError

Load = Callable[[Path], Policy]


class PolicyWatch:
    """Holds the policy. Calling it gives the one in force."""

    def __init__(self, path: Path, load: Load = policy.load) -> None:
        self._path = path
        self._load = load
        self._seen: tuple[int, int, int] | None = None
        self._policy = Policy(error="not read yet")
        self.refresh()

    def __call__(self) -> Policy:
        return self._policy

    def refresh(self) -> bool:
        """Reads the file when it moved; gives whether the policy is another one now."""
        try:
            found = os.stat(self._path)  # noqa: PTH116, asked for every two seconds
            seen = (found.st_ino, found.st_size, found.st_mtime_ns)
        except OSError:
            seen = (0, 0, 0)
        if seen == self._seen:
            return False
        self._seen = seen
        before = self._policy
        try:
            self._policy = self._load(self._path)
        except SerenoError as error:
            self._policy = Policy(error=error.line())
        return (before.digest, before.error) != (self._policy.digest, self._policy.error)
