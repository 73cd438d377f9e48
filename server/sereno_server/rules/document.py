"""Writes docs/rules.md from the rules: `python -m sereno_server.rules.document`."""

from pathlib import Path

from sereno_server.rules.condition_words import condition, span
from sereno_server.rules.hardware import HARDWARE
from sereno_server.rules.logs import LOGS
from sereno_server.rules.rule import Elsewhere, Rule
from sereno_server.rules.system import SYSTEM

PAGE = Path(__file__).parents[3] / "docs" / "rules.md"
HEAD = """# Rules

Conditions that are plainly wrong, by themselves: nothing is predicted, and no accuracy is claimed. The server judges
them from what the agents measure, at every pass of the prediction. This page is written by
`python -m sereno_server.rules.document`; a new rule is an entry in `server/sereno_server/rules/`.

- `sereno rules` and the console's page *Rules* list them with the devices on which they hold now.
- A rule holds once its condition was so for its hold time, and ends with a margin (hysteresis): it does not flap.
- A **note** is shown on the device's page and never alarms. *watch* alerts without a ticket; *soon* and *failing* open
  one. What is wrong with one thing (a disk, a service) is one ticket.
- Values that are not numbers, counters that start anew and clocks that jump raise nothing. A device that is away
  changes nothing: what held goes on, what did not does not begin. Samples that come late (the device's newest is older
  than 15 minutes by its own clock) are learned from and raise nothing.
- Work that is announced (`sereno maintenance start`, the button on a device's page) keeps new alerts back. So does
  silence of the device that one is reached through (`sereno place DEVICE --parent NAME`).

The hardware rules are proven on composed samples only: the machine this was built on has neither SMART, ECC, RAID nor
temperature sensors.
"""
COLUMNS = "| rule | severity | holds when | ends when | says | advice |\n|---|---|---|---|---|---|"


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    for title, rules in (("Hardware", HARDWARE), ("System", SYSTEM), ("Logs", LOGS)):
        rows = "\n".join(_row(rule) for rule in rules)
        parts.append(f"## {title}\n\n{COLUMNS}\n{rows}\n")
    return "\n".join(parts)


def _row(rule: Rule) -> str:
    cells = (
        f"`{rule.name}`",
        rule.severity,
        condition(rule),
        _end(rule),
        rule.says.said("en", object="…"),
        rule.advice.said("en", object="…"),
    )
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _end(rule: Rule) -> str:
    if isinstance(rule.measure, Elsewhere):
        return "it has not been so for two hours"
    word = "above" if rule.falling else "below"
    said = f"{word} {rule.limit_text(rule.clear)}"
    return said + (f" for {span(rule.clear_s)}" if rule.clear_s else "")


if __name__ == "__main__":
    PAGE.write_text(page())
