"""Writing the ledger: one row beside every mutation, in the mutation's own transaction."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_proto.ids import new_id, sha256
from sereno_server.store.tables import ledger


async def record(  # noqa: PLR0917  the contract: who did what to which object
    tx: AsyncConnection,
    organisation_id: str,
    actor: str,
    verb: str,
    object: str,  # noqa: A002  the column's name
    payload: Mapping[str, object] | None = None,
) -> str:
    """Writes one row and gives its id. The sequencer chains it after the commit; a rolled-back mutation leaves none.

    actor: a person's name, "device:NAME" or "server". verb: `run.sign`. object: an id. payload: what a person who reads
    the ledger later needs; it may be erased without breaking the chain, which holds only its digest.
    """
    kept = plain(payload or {})
    row_id = new_id("led")
    await tx.execute(
        insert(ledger).values(
            organisation_id=organisation_id,
            id=row_id,
            actor=words(actor),
            verb=words(verb),
            object=words(object),
            payload=kept,
            payload_digest=digest_of(kept),
        )
    )
    return row_id


def plain(value: object) -> object:
    """Gives the value in a form that comes back from JSONB byte for byte: no floats, no NUL, no lone surrogates."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        return words(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, Mapping):
        return {words(str(key)): plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(entry) for entry in (sorted(value, key=repr) if isinstance(value, set | frozenset) else value)]
    return words(str(value))  # a float too: its shortest text is exact, JSONB's own form is not


def words(text: str) -> str:
    """Gives text that PostgreSQL can hold."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")


def digest_of(payload: object) -> str:
    """The digest of a payload: SHA-256 over its JSON with sorted keys and no spaces."""
    return sha256(json.dumps(payload, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode())
