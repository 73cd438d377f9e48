"""How approvers are told that something waits for them."""

from typing import Annotated
from urllib.parse import quote

import typer

from sereno_server.cli.maintenance import span
from sereno_server.cli.options import As, Json, client_of
from sereno_server.cli.printing import listing, say

app = typer.Typer(no_args_is_help=True)
Name = Annotated[str, typer.Argument(metavar="PERSON", help="As on the roster.")]


@app.command("set")
def set_contact(
    name: Name,
    *,
    mail: Annotated[str, typer.Option(help="noa@example.org")] = "",
    webhook: Annotated[str, typer.Option(help="https://…; signed as Standard Webhooks are.")] = "",
    after: Annotated[
        str, typer.Option(metavar="TIME", help="Only if nobody has answered for so long: 12m. Left out: at once.")
    ] = "",
    person: As = None,
) -> None:
    """Say where a person is told, instead of what was said before."""
    after_s = round(span(after).total_seconds()) if after else 0
    body = {"person": name, "mail": mail, "webhook": webhook, "after_s": after_s}
    kept = client_of(person).put("/api/v1/contacts", body)
    say(f"{name}: {'at once' if not after_s else f'after {after}'}")
    if kept.get("secret"):
        say(f"secret of the webhook's signatures, shown only now: {kept['secret']}")


@app.command("remove")
def remove_contact(name: Name, *, person: As = None) -> None:
    """Tell this person nothing any more."""
    client_of(person).post(f"/api/v1/contacts/{quote(name)}/remove", {})
    say(f"{name} is told nothing any more")


@app.command("list")
def list_contacts(*, as_json: Json = False, person: As = None) -> None:
    """List who is told where, and when."""
    rows = client_of(person).pages("/api/v1/contacts")
    listing(rows, ("person", "mail", "webhook", "after_s"), as_json=as_json)
