"""The ways in which the owner of the server tries to make a device act: each with the code that it must get.

A way is a function of the stage. It raises the refusal; or, where nothing is refused because nothing comes of it, it
gives a word that says so. Whatever it does, the machines must be as before.
"""

from collections.abc import Callable
from typing import Final

from tests.hostile.stage import HostileStage

from sereno_server.demo.forged.attempts import ATTEMPTS, Attempt

Act = Callable[[HostileStage], str | None]
WAYS: Final[dict[str, tuple[str, Attempt]]] = {}
AFTER: Final[list[str]] = []  # ways that need a run which people wanted, or that nothing may follow


def way(code: str, *, after: bool = False) -> Callable[[Act], Act]:
    """Lists a function as the way of its own name."""

    def list_it(function: Act) -> Act:
        name = function.__name__
        assert name not in WAYS | ATTEMPTS, name
        WAYS[name] = (code, function)
        if after:
            AFTER.append(name)
        return function

    return list_it
