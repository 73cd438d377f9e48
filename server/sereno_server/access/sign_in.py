"""Signing in: one-time links, browser sessions, and tokens for a signed challenge. Only digests are kept.

Each function works inside the caller's transaction, which must be of the installation (`Scope.system()`).
"""

import secrets
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_proto import limits
from sereno_proto.errors import Refused
from sereno_server.access.account import Account, digest
from sereno_server.access.accounts import find_account
from sereno_server.store.tables import credentials

LIFETIMES: dict[str, timedelta] = {
    "link": timedelta(minutes=limits.LOGIN_LINK_MINUTES),
    "session": timedelta(hours=limits.SESSION_HOURS),
    "token": timedelta(hours=limits.TOKEN_HOURS),
    "challenge": timedelta(minutes=2),
}


async def issue(tx: AsyncConnection, kind: str, account_id: str, now: datetime) -> str:
    """Makes a link, session or token for the account and gives the secret, which is not kept."""
    secret = secrets.token_urlsafe(32)
    await keep(tx, kind, secret, account_id, now)
    return secret


async def keep(tx: AsyncConnection, kind: str, secret: str, account_id: str, now: datetime) -> None:
    """Stores the digest of a secret of this kind, and drops what expired a day ago."""
    await tx.execute(delete(credentials).where(credentials.c.expires_at < now - timedelta(days=1)))
    await tx.execute(
        insert(credentials).values(
            digest=digest(secret), kind=kind, account_id=account_id, expires_at=now + LIFETIMES[kind]
        )
    )


async def use_once(tx: AsyncConnection, kind: str, secret: str, now: datetime) -> str:
    """Spends a link or challenge and gives its account's id. Unknown: E_NOT_SIGNED_IN; used or late: E_EXPIRED."""
    row = await _row(tx, kind, secret)
    spent = (
        update(credentials)
        .where(credentials.c.digest == digest(secret), credentials.c.used_at.is_(None), credentials.c.expires_at > now)
        .values(used_at=now)
    )
    if (await tx.execute(spent)).rowcount != 1:  # of two at once, one gets it
        why = "was used before" if row[2] is not None else "has expired"
        raise Refused("E_EXPIRED", f"this {kind} {why}")
    return row[0]


async def account_of(tx: AsyncConnection, kind: str, secret: str, now: datetime) -> Account:
    """Whose session or token this is; raises E_NOT_SIGNED_IN or E_EXPIRED."""
    account_id, expires_at, ended_at = await _row(tx, kind, secret)
    if ended_at is not None or expires_at <= now:
        raise Refused("E_EXPIRED")
    return await find_account(tx, account_id)


async def end(tx: AsyncConnection, kind: str, secret: str, now: datetime) -> None:
    """Signs out: the session or token is worth nothing from now on."""
    await tx.execute(
        update(credentials)
        .where(credentials.c.digest == digest(secret), credentials.c.kind == kind)
        .values(used_at=now)
    )


async def _row(tx: AsyncConnection, kind: str, secret: str) -> tuple[str, datetime, datetime | None]:
    query = select(credentials.c.account_id, credentials.c.expires_at, credentials.c.used_at).where(
        credentials.c.digest == digest(secret), credentials.c.kind == kind
    )
    row = (await tx.execute(query)).first()
    if row is None:
        raise Refused("E_NOT_SIGNED_IN", f"this {kind} is not known")
    return row[0], row[1], row[2]


def utc_now() -> datetime:
    """The clock that callers pass in by default."""
    return datetime.now(UTC)
