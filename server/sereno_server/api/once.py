"""Idempotency-Key: a write that is sent twice happens once and is answered twice."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import Header
from pydantic import BaseModel
from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert

from sereno_proto.errors import BadInput, Refused
from sereno_proto.ids import sha256
from sereno_server.access.account import Account
from sereno_server.app import App
from sereno_server.store.engine import Scope
from sereno_server.store.tables import idempotency

UNDER_WAY = 0
Key = Annotated[str, Header(alias="Idempotency-Key", max_length=128)]


async def once(  # noqa: PLR0917  who, under which key, what, how
    app: App, account: Account, key: str, what: str, body: BaseModel, work: Callable[[], Awaitable[dict[str, Any]]]
) -> dict[str, Any]:
    """Does the work, or gives the answer it had under this key. Without a key it is simply done.

    Raises E_IDEMPOTENCY when the key was used for something else, E_CONFLICT while the first is under way. A write
    that failed left nothing behind and may be sent again under the same key.
    """
    if not key:
        return await work()
    scope = Scope(account.organisation_id)
    mine = {"organisation_id": account.organisation_id, "account_id": account.id, "key": key}
    here = [idempotency.c[name] == value for name, value in mine.items()]
    digest = sha256(f"{what}\n{body.model_dump_json()}".encode())
    async with app.store.transaction(scope) as tx:
        claim = insert(idempotency).values(**mine, request_digest=digest, status=UNDER_WAY, answer={})
        claimed = await tx.execute(claim.on_conflict_do_nothing().returning(idempotency.c.key))
        if claimed.first() is None:
            row = (await tx.execute(select(idempotency).where(*here))).mappings().one()
            if row["request_digest"] != digest:
                raise BadInput("E_IDEMPOTENCY")
            if row["status"] == UNDER_WAY:
                raise Refused("E_CONFLICT", "the same request is under way", "wait, then look whether it was done")
            return dict(row["answer"])
    try:
        answer = await work()
    except BaseException:
        async with app.store.transaction(scope) as tx:
            await tx.execute(delete(idempotency).where(*here))
        raise
    async with app.store.transaction(scope) as tx:
        await tx.execute(update(idempotency).where(*here).values(status=200, answer=answer))
    return answer
