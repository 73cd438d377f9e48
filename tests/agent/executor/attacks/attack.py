"""What an attack is, and the two ways to bend a text."""

import re
from collections.abc import Callable

from tests.agent.executor.house import House

from sereno_proto.v1.runs_pb2 import Reply

Attack = Callable[[House], Reply]
ATTACKS: dict[str, tuple[str, Attack]] = {}


def attack(code: str) -> Callable[[Attack], Attack]:
    def register(function: Attack) -> Attack:
        ATTACKS[function.__name__.replace("_", " ")] = (code, function)
        return function

    return register


def rewrite(text: bytes, key: str, value: str) -> bytes:
    """The text with another value for one key."""
    changed, count = re.subn(rf"(?m)^{re.escape(key)}: .*$", f"{key}: {value}", text.decode())
    assert count == 1
    return changed.encode()


def add_line(text: bytes, line: str) -> bytes:
    return text + f"{line}\n".encode()
