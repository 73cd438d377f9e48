"""What is fuzzed: something that reads what others wrote, examples of that, and the law that it must keep."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final


class BrokenLaw(Exception):
    """The reader took what it must not take, or gave something else than it read."""


@dataclass(frozen=True)
class Target:
    """One reader.

    attempt: reads the input and says whether it was taken. It raises SerenoError to refuse, BrokenLaw for a finding;
    anything else is a crash. seeds: inputs that are taken. words: what is spliced in, besides the general ones.
    """

    name: str
    seeds: Callable[[], list[bytes]]
    attempt: Callable[[bytes], bool]
    words: tuple[bytes, ...] = ()


TARGETS: Final[dict[str, Target]] = {}


def add(
    name: str, seeds: Callable[[], list[bytes]], attempt: Callable[[bytes], bool], words: tuple[bytes, ...] = ()
) -> None:
    """Lists a reader."""
    TARGETS[name] = Target(name, seeds, attempt, words)
