"""What `sereno init` and `sereno login-link` do in the server's own database."""

from pathlib import Path

from sereno_proto.errors import BadInput
from sereno_server.access.accounts import account_id_by_name, create_account
from sereno_server.access.organisations import publish_roster, register_organisation
from sereno_server.access.sign_in import issue, utc_now
from sereno_server.cli.local_store import local_store
from sereno_server.cli.workstation import Workstation
from sereno_server.config import Settings
from sereno_server.store.engine import Scope


async def set_up(settings: Settings, admin: str, key_line: str, organisation: Path | None) -> str:
    """Makes database, administrator and (where given) organisation; gives a login link."""
    async with local_store(settings) as store, store.transaction(Scope.system()) as tx:
        if organisation is not None:
            place = Workstation(organisation)
            identity = await register_organisation(tx, *place.read("root"), actor=admin)
            await publish_roster(tx, identity, *place.read("roster"), actor=admin, now=utc_now())
        account_id = await create_account(tx, admin, admin, "administrator", organisation_id=None, public_key=key_line)
        return f"{settings.public_url}/enter/{await issue(tx, 'link', account_id, utc_now())}"


async def link(settings: Settings, name: str) -> str:
    """A login link for an account."""
    async with local_store(settings) as store, store.transaction(Scope.system()) as tx:
        account_id = await account_id_by_name(tx, name)
        if account_id is None:
            raise BadInput("E_NOT_FOUND", f"no account {name}")
        return f"{settings.public_url}/enter/{await issue(tx, 'link', account_id, utc_now())}"
