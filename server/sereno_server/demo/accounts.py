"""What `sereno init` and an administrator would enter on a new server: organisation, roster, accounts, login link."""

import asyncio
from pathlib import Path

from sereno_server.access.accounts import account_id_by_name, create_account
from sereno_server.access.organisations import current_roster, publish_roster, register_organisation
from sereno_server.access.sign_in import issue, utc_now
from sereno_server.cli.local_store import local_store
from sereno_server.cli.signing import public_key_in
from sereno_server.cli.workstation import Workstation
from sereno_server.config import Settings
from sereno_server.demo.people import PEOPLE, key_path
from sereno_server.demo.place import Place
from sereno_server.store.engine import Scope


def enter(settings: Settings, place: Place) -> None:
    """Enters organisation, roster and people into the server's database; what is there already stays."""
    asyncio.run(_enter(settings, place))


async def _enter(settings: Settings, place: Place) -> None:
    workstation = Workstation(place.workstation)
    async with local_store(settings) as store, store.transaction(Scope.system()) as tx:
        organisation = await register_organisation(tx, *workstation.read("root"), actor="ane")
        text, signatures = workstation.read("roster")
        published = await current_roster(tx, organisation)
        if published is None or published[0] != text:
            await publish_roster(tx, organisation, text, signatures, actor="ane", now=utc_now())
        for name, display, role, _ in PEOPLE:
            if await account_id_by_name(tx, name, organisation) is None:
                line = public_key_in(Path(f"{key_path(place, name, 'session')}.pub")).line
                await create_account(tx, name, display, role, organisation_id=organisation, public_key=line)


def login_link(settings: Settings, name: str) -> str:
    """A one-time link that signs a browser in as that person."""
    return asyncio.run(_login_link(settings, name))


async def _login_link(settings: Settings, name: str) -> str:
    async with local_store(settings) as store, store.transaction(Scope.system()) as tx:
        account_id = await account_id_by_name(tx, name)
        return f"{settings.public_url}/enter/{await issue(tx, 'link', account_id or '', utc_now())}"
