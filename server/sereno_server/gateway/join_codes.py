"""One-time tokens with which machines join, and the codes that carry them."""

import secrets
from datetime import datetime, timedelta

from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_proto import join_code
from sereno_proto.errors import BadInput, SerenoError
from sereno_proto.ids import sha256
from sereno_proto.limits import JOIN_CODE_VALID_S
from sereno_proto.root_chain import newest_text
from sereno_server.access.organisations import roots_of
from sereno_server.audit.ledger import record
from sereno_server.store.tables import join_codes, rosters

TOKEN_BYTES = 24


async def make_join_code(  # noqa: PLR0917 (the six are what a join code says)
    tx: AsyncConnection,
    organisation_id: str,
    made_by: str,
    enroll_address: str,
    ca_fingerprint: str,
    now: datetime,
    valid_s: float = JOIN_CODE_VALID_S,
) -> str:
    """A new join code, valid once and for so long. Raises E_ROSTER_MISSING before a roster is published."""
    expires = (now + timedelta(seconds=valid_s)).replace(microsecond=0)
    root_text = newest_text(*await roots_of(tx, organisation_id))
    versions = await tx.execute(select(func.max(rosters.c.version)).where(rosters.c.organisation_id == organisation_id))
    version = versions.scalar_one_or_none()
    if version is None:
        raise BadInput("E_ROSTER_MISSING", "the organisation has no roster yet", "publish one: `sereno roster publish`")
    token = secrets.token_urlsafe(TOKEN_BYTES)
    digest = sha256(token.encode())
    await tx.execute(
        insert(join_codes).values(
            organisation_id=organisation_id, token_digest=digest, made_by=made_by, created_at=now, expires_at=expires
        )
    )
    await record(tx, organisation_id, made_by, "join_code.make", digest, {"expires": expires})
    return join_code.write(
        join_code.JoinCode(enroll_address, ca_fingerprint, sha256(root_text), version, token, expires)
    )


async def use_token(tx: AsyncConnection, token: str, device_id: str, now: datetime) -> str:
    """Takes the token for this device, atomically and once; gives its organisation. Raises E_JOIN_TOKEN_*."""
    digest = sha256(token.encode())
    taken = await tx.execute(
        update(join_codes)
        .where(join_codes.c.token_digest == digest, join_codes.c.used_at.is_(None), join_codes.c.expires_at > now)
        .values(used_at=now, device_id=device_id)
        .returning(join_codes.c.organisation_id)
    )
    organisation_id = taken.scalar_one_or_none()
    if organisation_id is not None:
        return str(organisation_id)
    found = (await tx.execute(select(join_codes.c.used_at).where(join_codes.c.token_digest == digest))).first()
    if found is None:
        raise SerenoError("E_JOIN_TOKEN_UNKNOWN")
    raise SerenoError("E_JOIN_TOKEN_USED" if found.used_at else "E_JOIN_TOKEN_EXPIRED")
