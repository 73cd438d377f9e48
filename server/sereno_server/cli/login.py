"""Signing in with a key: `sereno login`. Other commands do it by themselves when a token has run out."""

from sereno_server.cli.options import As, client_of
from sereno_server.cli.printing import say


def login(person: As = None) -> None:
    """Sign a challenge of the server and keep the one-hour token."""
    client = client_of(person)
    client.sign_in()
    say(f"signed in as {client.person.name} for one hour")


COMMANDS = (login,)
