"""The rules, in words, and where each holds now."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_server.reads.words import Words
from sereno_server.rules.catalogue import RULES
from sereno_server.rules.condition_words import condition
from sereno_server.rules.rule import SEVERITIES, Elsewhere, Rule
from sereno_server.store.tables import conditions, devices


@dataclass(frozen=True)
class Held:
    """A device on which a rule holds. onset_at: by the device's clock."""

    device_id: str
    device_name: str
    object: str
    title: str
    figure: float
    onset_at: datetime


@dataclass(frozen=True)
class RuleRow:
    """One rule. when: its condition in words."""

    name: str
    severity: str
    says: str
    when: str
    advice: str
    holds: tuple[Held, ...]


async def rules(tx: AsyncConnection, words: Words | None = None) -> list[RuleRow]:
    """Every rule, those that hold somewhere first."""
    of = and_(devices.c.organisation_id == conditions.c.organisation_id, devices.c.id == conditions.c.device_id)
    columns = ("device_id", "rule", "object", "title", "figure", "onset_at")
    query = select(*(conditions.c[name] for name in columns), devices.c.name).join(devices, of)
    found = await tx.execute(
        query.where(conditions.c.closed_at.is_(None), devices.c.revoked_at.is_(None)).order_by(conditions.c.onset_at)
    )
    held: dict[str, list[Held]] = defaultdict(list)
    for row in found:
        held[row.rule].append(Held(row.device_id, row.name, row.object, row.title, row.figure, row.onset_at))
    language = words.language if words else "en"
    made = [_row(rule, tuple(held[rule.name]), language) for rule in RULES.values()]
    return sorted(made, key=lambda row: not row.holds)


def _row(rule: Rule, holds: tuple[Held, ...], language: str) -> RuleRow:
    dots = "…"
    return RuleRow(
        rule.name,
        rule.severity,
        rule.says.said(language, object=dots),
        condition(rule, language),
        rule.advice.said(language, object=dots),
        holds,
    )


@dataclass(frozen=True)
class HeldHere:
    """What holds on one device, in the reader's language, and what to do."""

    severity: str
    title: str
    advice: str
    onset_at: datetime


async def holding(tx: AsyncConnection, device_id: str, words: Words) -> list[HeldHere]:
    """What rules found on this device and still holds, the worst first; notes last."""
    columns = [conditions.c[name] for name in ("rule", "object", "title", "figure", "onset_at")]
    query = select(*columns).where(conditions.c.device_id == device_id, conditions.c.closed_at.is_(None))
    found = []
    for row in await tx.execute(query.order_by(conditions.c.onset_at)):
        rule = RULES.get(row.rule)
        if rule is not None:
            made = isinstance(rule.measure, Elsewhere)  # its title says more than the rule does
            title = row.title if made else rule.title(row.object, row.figure, words.language)
            advice = rule.advice.said(words.language, object=row.object)
            found.append(HeldHere(rule.severity, title, advice, row.onset_at))
    return sorted(found, key=lambda one: -SEVERITIES.index(one.severity))
