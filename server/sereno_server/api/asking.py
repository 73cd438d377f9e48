"""What every route needs of a request: who asks, in which organisation, and may they."""

from typing import Annotated

from fastapi import Depends

from sereno_proto.errors import Refused
from sereno_server.access.account import Account
from sereno_server.access.authorise import Object, authorise
from sereno_server.access.current import current_account
from sereno_server.store.engine import Scope

Asker = Annotated[Account, Depends(current_account)]


def allowed(account: Account, verb: str, kind: str, thing_id: str = "") -> Scope:
    """The scope in which this account may do that; raises E_FORBIDDEN, or E_NOT_FOUND without an organisation."""
    if not account.organisation_id:
        raise Refused("E_NOT_FOUND", "there is no organisation yet", "give one: `sereno init --organisation FOLDER`")
    authorise(account, verb, Object(kind, account.organisation_id, thing_id))
    return Scope(account.organisation_id)
