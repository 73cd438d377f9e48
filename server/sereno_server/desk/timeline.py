"""The ticket's timeline: what happened, in one line each, written in the transaction that made it happen."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_proto.ids import digest_id, new_id
from sereno_server.audit.ledger import plain, words
from sereno_server.store.tables import timeline

KINDS = frozenset(
    {
        "forecast",
        "change",
        "alert",
        "check",
        "proposed",
        "requested",
        "signed",
        "run",
        "verified",
        "resolved",
        "message",
        "refused",
    }
)


async def tell(
    tx: AsyncConnection,
    organisation_id: str,
    ticket_id: str,
    *,
    at: datetime,
    kind: str,
    text: str,
    actor: str = "server",
    detail: Mapping[str, object] | None = None,
    once: str = "",
) -> bool:
    """Writes one line; tells whether it is new.

    once: what makes the line the same event on a second attempt (a check of a round, a run's event), so that work that
    is done again after a crash is told once.
    """
    assert kind in KINDS, kind
    event_id = digest_id("evt", f"{ticket_id}\n{once}".encode()) if once else new_id("evt")
    written = await tx.scalar(
        insert(timeline)
        .values(
            organisation_id=organisation_id,
            id=event_id,
            ticket_id=ticket_id,
            at=at,
            kind=kind,
            text=words(text),
            actor=words(actor),
            detail=plain(detail or {}),
        )
        .on_conflict_do_nothing()
        .returning(timeline.c.id)
    )
    return written is not None
