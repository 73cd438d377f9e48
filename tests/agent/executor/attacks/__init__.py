"""The forged drill of issue 2: what an attacker who owns the server can send, each with the code that must refuse it.

An attack is a function of the house. It may use everything that honest people signed (they go on working), the server's
own knowledge, and keys of its own making; it gives the device's reply. `rewrite` and the rest know only texts.
"""

from tests.agent.executor.attacks import (
    on_grants,
    on_passkeys,
    on_signatures,
    on_the_machine,
    on_the_roster,
    on_the_text,
)
from tests.agent.executor.attacks.attack import ATTACKS

__all__ = ["ATTACKS", "on_grants", "on_passkeys", "on_signatures", "on_the_machine", "on_the_roster", "on_the_text"]
