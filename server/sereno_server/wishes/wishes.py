"""The wishes of one device: read, changed with their ledger row, and put into the settings that it is sent."""

from dataclasses import asdict, dataclass, field, fields
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_proto.errors import BadInput
from sereno_proto.limits import WISH_CHARS_MAX, WISHES_MAX
from sereno_proto.v1.link_pb2 import Settings
from sereno_server.audit import ledger
from sereno_server.store.events import Event, emit
from sereno_server.store.tables import wishes as table


@dataclass(frozen=True)
class Wishes:
    """collectors_denied: to stay off. redact_words: plain words to hide. actions: that the owner might allow."""

    collectors_denied: list[str] = field(default_factory=list)
    redact_words: list[str] = field(default_factory=list)
    actions: list[str] = field(default_factory=list)


async def read(tx: AsyncConnection, organisation_id: str, device_id: str) -> Wishes:
    """The wishes; none when nobody made any."""
    query = select(table.c.wishes).where(table.c.organisation_id == organisation_id, table.c.device_id == device_id)
    found: dict[str, Any] = (await tx.execute(query)).scalar_one_or_none() or {}
    return Wishes(**{f.name: list(found.get(f.name, ())) for f in fields(Wishes)})


async def change(tx: AsyncConnection, organisation_id: str, device_id: str, wanted: Wishes, *, actor: str) -> None:
    """Keeps the wishes and tells the node that holds the device's stream. Raises E_LIMIT beyond the bounds."""
    for f in fields(Wishes):
        require_bounds(f.name, getattr(wanted, f.name))
    values = {"wishes": asdict(wanted), "made_by": actor}
    statement = insert(table).values(organisation_id=organisation_id, device_id=device_id, **values)
    await tx.execute(
        statement.on_conflict_do_update(index_elements=[table.c.organisation_id, table.c.device_id], set_=values)
    )
    await ledger.record(tx, organisation_id, actor, "wishes.change", device_id, asdict(wanted))
    await emit(tx, Event("wishes", organisation_id, device_id, device_id))


def settings(own: Settings, wanted: Wishes) -> Settings:
    """What the device is sent: the server's own settings with the wishes in them."""
    made = Settings()
    made.CopyFrom(own)
    made.collectors_denied.extend(wanted.collectors_denied)
    made.redact_words.extend(wanted.redact_words)
    made.actions_wanted.extend(wanted.actions)
    return made


def require_bounds(name: str, words: list[str]) -> None:
    """Raises E_LIMIT unless there are few enough of them, each short enough and on one line."""
    if len(words) > WISHES_MAX:
        raise BadInput("E_LIMIT", f"{name}: at most {WISHES_MAX}")
    for word in words:
        if not 0 < len(word) <= WISH_CHARS_MAX or not word.isprintable():
            raise BadInput("E_LIMIT", f"{name}: a wish is one line of 1 to {WISH_CHARS_MAX} characters")
