"""Rules: what is plainly wrong by itself, and where it is so now."""

from sereno_server.cli.options import As, Json, client_of
from sereno_server.cli.printing import listing


def rules(*, as_json: Json = False, person: As = None) -> None:
    """List the rules and the devices on which they hold now."""
    rows = client_of(person).pages("/api/v1/rules")
    if not as_json:
        rows = [
            {**row, "holds_on": ", ".join(f"{one['device_name']} {one['object']}".strip() for one in row["holds"])}
            for row in rows
        ]
    listing(rows, ("name", "severity", "when", "holds_on"), as_json=as_json)


COMMANDS = (rules,)
