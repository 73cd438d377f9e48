"""The accounts table: making, finding and listing them."""

from sqlalchemy import insert, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_proto.errors import BadInput, Refused
from sereno_proto.ids import new_id
from sereno_server.access.account import ROLES, Account
from sereno_server.audit import ledger
from sereno_server.store.tables import accounts, organisations


async def create_account(
    tx: AsyncConnection, name: str, display_name: str, role: str, *, organisation_id: str | None, public_key: str = ""
) -> str:
    """Makes an account and gives its id. organisation_id None: every organisation (administrators only)."""
    if role not in ROLES:
        raise BadInput("E_BAD_REQUEST", f"role {role!r} is none of {', '.join(ROLES)}")
    if organisation_id is None and role != "administrator":
        raise BadInput("E_BAD_REQUEST", "only an administrator belongs to no organisation")
    account_id = new_id("acc")
    await tx.execute(
        insert(accounts).values(
            id=account_id,
            name=name,
            display_name=display_name,
            role=role,
            organisation_id=organisation_id,
            public_key=public_key or None,
        )
    )
    if organisation_id is not None:
        await ledger.record(tx, organisation_id, name, "account.create", account_id, {"role": role})
    return account_id


async def find_account(tx: AsyncConnection, account_id: str) -> Account:
    """The account by id; one of every organisation looks at the first. Disabled or missing: E_NOT_SIGNED_IN."""
    row = (await tx.execute(select(accounts).where(accounts.c.id == account_id))).mappings().first()
    if row is None or row["disabled"]:
        raise Refused("E_NOT_SIGNED_IN", "this account is gone or disabled")
    organisation_id = row["organisation_id"]
    if organisation_id is None:
        first = select(organisations.c.organisation_id).order_by(organisations.c.created_at).limit(1)
        organisation_id = (await tx.execute(first)).scalar() or ""
    return Account(row["id"], row["name"], row["display_name"], row["role"], organisation_id)


async def account_id_by_name(tx: AsyncConnection, name: str, organisation_id: str | None = None) -> str | None:
    """The id of the account of that name, or None. Without an organisation it must be the only one."""
    query = select(accounts.c.id).where(accounts.c.name == name, ~accounts.c.disabled)
    if organisation_id is not None:
        query = query.where(or_(accounts.c.organisation_id == organisation_id, accounts.c.organisation_id.is_(None)))
    found = (await tx.execute(query.limit(2))).scalars().all()
    return found[0] if len(found) == 1 else None


async def public_key_of(tx: AsyncConnection, account_id: str) -> tuple[str, str]:
    """The account's name and the key it signs in with; raises E_NOT_SIGNED_IN where it has none."""
    query = select(accounts.c.name, accounts.c.public_key).where(accounts.c.id == account_id, ~accounts.c.disabled)
    row = (await tx.execute(query)).first()
    if row is None or row[1] is None:
        raise Refused("E_NOT_SIGNED_IN", "there is no account with a key of that name")
    return row[0], row[1]
