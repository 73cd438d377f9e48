"""The table of all ways in docs/security.md. `python -m tests.hostile.table` writes it anew."""

import re
from pathlib import Path
from typing import Final

from tests.hostile import ways as _listed  # importing lists them
from tests.hostile.drill import ways
from tests.hostile.way import WAYS

DOCUMENT: Final = Path(__file__).parents[2] / "docs" / "security.md"
_BEGIN, _END = "<!-- ways -->\n", "<!-- end of ways -->\n"
_TITLES: Final = {
    "attempts": "The forged drill",
    "on_plans": "Plans and signatures",
    "on_passkeys": "Passkeys",
    "on_grants": "What is granted in advance",
    "on_parameters": "Parameters, targets and checks",
    "on_the_machine": "The machine, its roster, clock, records and settings",
    "on_people": "People, whose commands are lied to",
    "on_records": "The server's ledger",
}


def table() -> str:
    """A table for each of what is attacked, in the order in which they are listed."""
    kinds: dict[str, list[str]] = {}
    for name, (code, act) in ways().items():
        shown = f"`{code}`" if code.startswith("E_") else code
        kinds.setdefault(act.__module__.rpartition(".")[2], []).append(f"| {name.replace('_', ' ')} | {shown} |")
    assert set(kinds) == set(_TITLES), _listed
    parts = [f"**{len(ways())} ways**, {len(WAYS)} of them besides those of the forged drill.\n"]
    for kind, title in _TITLES.items():
        parts.append("\n".join([f"### {title}\n", "| way | what it gets |", "|---|---|", *kinds[kind]]) + "\n")
    return _BEGIN + "\n".join(parts) + _END


def write() -> None:
    """Puts the table into the document."""
    text = DOCUMENT.read_text()
    DOCUMENT.write_text(re.sub(f"{_BEGIN}.*{_END}", lambda _: table(), text, flags=re.DOTALL))


if __name__ == "__main__":
    write()
