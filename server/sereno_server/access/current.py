"""The account behind a request, put there by http.py before any route runs."""

from fastapi import Request

from sereno_proto.errors import Refused
from sereno_server.access.account import Account


def current_account(request: Request) -> Account:
    """The signed-in account, a FastAPI dependency; raises E_NOT_SIGNED_IN where there is none."""
    account = getattr(request.state, "account", None)
    if not isinstance(account, Account):
        raise Refused("E_NOT_SIGNED_IN")
    return account
