"""All rules, by name."""

from collections.abc import Mapping

from sereno_server.rules.hardware import HARDWARE
from sereno_server.rules.logs import LOGS
from sereno_server.rules.rule import Rule
from sereno_server.rules.system import SYSTEM

RULES: Mapping[str, Rule] = {rule.name: rule for rule in (*HARDWARE, *SYSTEM, *LOGS)}
SERIES_NAMES: frozenset[str] = frozenset(
    name for rule in RULES.values() for name in (rule.series, rule.partner, rule.beside) if name
)
