"""`make catalogue`: writes docs/catalogue.md, and the summary of playbooks that it and the agent tell."""

import json
from pathlib import Path
from typing import Any, Final

from sereno_playbooks import catalogue
from sereno_server.runs.playbooks import Library, shipped_library

PAGE: Final = Path(__file__).parents[3] / "docs" / "catalogue.md"


def summary(library: Library) -> list[dict[str, Any]]:
    """Each playbook with its parameters, and the checks and actions that it comes to in the end."""
    rows = []
    for name, book in sorted(library.playbooks.items()):
        steps = library.steps_of(name)
        asked = {call.name for call in book.diagnose}
        asked |= {condition.call.name for step in steps for condition in (*step.require, *step.when)}
        asked |= {step.call.name for step in steps if step.kind == "check"}
        rows.append(
            {
                "name": name,
                "title": book.title,
                "summary": " ".join(book.summary.split()),
                "risk": library.risk_of(name),
                "parameters": [
                    {"name": key, "kind": one.kind, "summary": one.summary, "optional": one.optional}
                    for key, one in book.parameters.items()
                ],
                "checks": sorted(asked),
                "actions": sorted({step.call.name for step in steps if step.kind == "action"}),
            }
        )
    return rows


def main() -> None:
    """Writes both files."""
    text = json.dumps(summary(shipped_library()), indent=1, ensure_ascii=False)
    catalogue.SUMMARY.write_text(text + "\n")
    PAGE.write_text(catalogue.markdown(catalogue.gather()))


if __name__ == "__main__":
    main()
