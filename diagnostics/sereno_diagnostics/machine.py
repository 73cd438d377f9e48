"""What a check may learn of the machine itself: small files of the kernel, one program's answer, a name's addresses.

The agent hands it in; checks reach it through their reader only, which asks nothing that a parameter could word.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class Machine(Protocol):
    """The machine as the agent sees it."""

    def read(self, path: str) -> str | None:
        """A file's whole text; None when it is missing or unreadable."""
        ...

    def names(self, folder: str) -> list[str]:
        """The names in a folder; none when it is missing or unreadable."""
        ...

    def ask(self, *command: str, request: bytes = b"", timeout_s: float = 20.0) -> str | None:
        """What a program writes; None when there is none such or it does not end in time."""
        ...

    def resolve(self, host: str, timeout_s: float) -> Sequence[str]:
        """The addresses of a host's name; raises OSError when there are none, TimeoutError when none came in time."""
        ...


class Nothing:
    """A machine that tells nothing."""

    def read(self, path: str) -> str | None:  # noqa: ARG002
        return None

    def names(self, folder: str) -> list[str]:  # noqa: ARG002
        return []

    def ask(self, *command: str, request: bytes = b"", timeout_s: float = 20.0) -> str | None:  # noqa: ARG002
        return None

    def resolve(self, host: str, timeout_s: float) -> Sequence[str]:  # noqa: ARG002
        raise OSError("no name can be looked up here")


class Lookup(NamedTuple):
    """What became of looking up a name."""

    addresses: tuple[str, ...]
    seconds: float
    error: str  # empty when there are addresses


class Program(NamedTuple):
    """All processes of one name."""

    name: str
    processes: int
    resident_bytes: int
