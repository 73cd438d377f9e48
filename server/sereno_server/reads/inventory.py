"""What devices are and have: one device's facts, and which devices of the fleet have what."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_proto import limits
from sereno_server.reads.inventory_query import Query, parse
from sereno_server.reads.versions import Format
from sereno_server.store.tables import devices, facts, inventories

COMPARED_MAX = 50_000  # facts that one question may compare
FORMAT_KEY = "system.packages"


@dataclass(frozen=True)
class FactRow:
    """One fact: its kind (package), its name (openssl), its value (3.0.15-1)."""

    kind: str
    name: str
    value: str


@dataclass(frozen=True)
class FoundFact:
    """A fact that answers a question, and whose it is."""

    device_id: str
    device_name: str
    site: str | None
    kind: str
    name: str
    value: str


@dataclass(frozen=True)
class Answer:
    """What the fleet answers. devices: how many have it; of: how many have told an inventory at all."""

    facts: tuple[FoundFact, ...]
    total: int
    devices: int
    of: int


async def facts_of(tx: AsyncConnection, device_id: str, search: str = "", kind: str = "") -> tuple[FactRow, ...]:
    """The facts of one device by key; every word of `search` must occur in key or value."""
    query = select(facts.c.key, facts.c.value).where(facts.c.device_id == device_id)
    for word in search.split():
        query = query.where(_contains(word))
    if kind:
        query = query.where(facts.c.key.startswith(f"{kind}.", autoescape=True))
    return tuple(FactRow(*_named(row.key), row.value) for row in await tx.execute(query.order_by(facts.c.key)))


async def fact_kinds(tx: AsyncConnection, device_id: str) -> dict[str, int]:
    """How many facts of each kind a device has."""
    kind = func.split_part(facts.c.key, ".", 1)
    query = select(kind.label("kind"), func.count().label("n")).where(facts.c.device_id == device_id).group_by(kind)
    return {row.kind: row.n for row in await tx.execute(query.order_by(kind))}


async def told_at(tx: AsyncConnection, device_id: str) -> datetime | None:
    """When the device last told something of its inventory."""
    return await tx.scalar(select(inventories.c.told_at).where(inventories.c.device_id == device_id))


async def ask(tx: AsyncConnection, text: str, limit: int = limits.PAGE_ROWS_MAX) -> Answer:
    """Which devices have what: `openssl < 3.0.15`, `nginx`, `lib*ssl*`, words of any fact."""
    query = parse(text)
    of = await tx.scalar(select(func.count()).select_from(inventories)) or 0
    if query is None:
        return Answer((), 0, 0, of)
    found = await _found(tx, query, _name(query)) if query.name else []
    if not found and query.words:
        found = await _found(tx, query, and_(*(_contains(word) for word in query.words)))
    return Answer(tuple(found[:limit]), len(found), len({fact.device_id for fact in found}), of)


async def _found(tx: AsyncConnection, query: Query, where: ColumnElement[bool]) -> list[FoundFact]:
    rows = (await tx.execute(_rows(where))).all()
    formats = await _formats(tx) if query.operator else {}
    return [
        FoundFact(row.device_id, row.name, row.site, *_named(row.key), row.value)
        for row in rows
        if query.fits(row.value, formats.get(row.device_id, "deb"))
    ]


def _rows(where: ColumnElement[bool]) -> Select[Any]:
    return (
        select(facts.c.device_id, devices.c.name, devices.c.site, facts.c.key, facts.c.value)
        .join_from(
            facts,
            devices,
            and_(facts.c.organisation_id == devices.c.organisation_id, facts.c.device_id == devices.c.id),
        )
        .where(where, devices.c.revoked_at.is_(None))
        .order_by(devices.c.name, facts.c.key)
        .limit(COMPARED_MAX)
    )


def _name(query: Query) -> ColumnElement[bool]:
    keys = query.keys()
    if "*" not in query.name:
        return facts.c.key.in_(keys)
    return or_(*(facts.c.key.like(_escaped(key).replace("*", "%"), escape="\\") for key in keys))


def _contains(word: str) -> ColumnElement[bool]:
    pattern = f"%{_escaped(word)}%"
    return or_(facts.c.key.ilike(pattern, escape="\\"), facts.c.value.ilike(pattern, escape="\\"))


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


async def _formats(tx: AsyncConnection) -> dict[str, Format]:
    query = select(facts.c.device_id, facts.c.value).where(facts.c.key == FORMAT_KEY)
    return {row.device_id: cast("Format", row.value) for row in await tx.execute(query) if row.value in {"deb", "rpm"}}


def _named(key: str) -> tuple[str, str]:
    kind, _, name = key.partition(".")
    return kind, name
