"""How sound a device and an organisation are: the score, its parts, and the worst of each day."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_server.prediction.degradation import combined
from sereno_server.reads.health import of_device
from sereno_server.reads.running_out import fate, resource_name
from sereno_server.reads.words import Words
from sereno_server.store.tables import degradation_days, degradations, devices, organisation_days

TREND_DAYS = 56
PARTS_SHOWN = 6
WEEK = timedelta(days=7)


@dataclass(frozen=True)
class PartRow:
    """One part of a score. since: when it was first seen; None for the devices of an organisation."""

    kind: str
    about: str
    points: float
    figures: Mapping[str, Any]
    since: datetime | None = None


@dataclass(frozen=True)
class DayRow:
    """The worst score of a day (UTC)."""

    day: date
    worst: int


@dataclass(frozen=True)
class Degradation:
    """The score now, its parts (the worst first), and the worst of each of the last weeks' days, the oldest first."""

    score: int
    parts: tuple[PartRow, ...]
    days: tuple[DayRow, ...]

    def before(self, today: date) -> int | None:
        """The score of a week ago; None where nobody looked then."""
        return next((row.worst for row in self.days if row.day == today - WEEK), None)


async def degradation_of(tx: AsyncConnection, device_id: str, now: datetime) -> Degradation:
    """The degradation of one device."""
    found = (
        await tx.execute(
            select(degradations.c.score, degradations.c.parts).where(degradations.c.device_id == device_id)
        )
    ).first()
    days = select(degradation_days.c.day, degradation_days.c.worst).where(
        degradation_days.c.device_id == device_id, degradation_days.c.day > now.date() - timedelta(days=TREND_DAYS)
    )
    return Degradation(
        score=found.score if found else 0,
        parts=_parts(found.parts if found else ()),
        days=tuple(DayRow(row.day, row.worst) for row in await tx.execute(days.order_by(degradation_days.c.day))),
    )


async def degradation_of_all(tx: AsyncConnection, now: datetime) -> Degradation:
    """The degradation of the organisation in whose scope this is: its parts are its devices."""
    query = (
        select(devices.c.name, degradations.c.device_id, degradations.c.score)
        .join_from(degradations, devices, of_device(degradations))
        .where(degradations.c.score > 0, devices.c.revoked_at.is_(None))
        .order_by(degradations.c.score.desc(), devices.c.name)
    )
    found = (await tx.execute(query)).all()
    worst = func.max(organisation_days.c.worst).label("worst")
    days = select(organisation_days.c.day, worst).where(
        organisation_days.c.day > now.date() - timedelta(days=TREND_DAYS)
    )
    return Degradation(
        score=round(combined([float(row.score) for row in found])),
        parts=tuple(PartRow("device", row.device_id, row.score, {"name": row.name}) for row in found[:PARTS_SHOWN]),
        days=tuple(
            DayRow(row.day, row.worst)
            for row in await tx.execute(days.group_by(organisation_days.c.day).order_by(organisation_days.c.day))
        ),
    )


def _parts(rows: Sequence[Mapping[str, Any]]) -> tuple[PartRow, ...]:
    return tuple(
        PartRow(row["kind"], row["about"], row["points"], row["figures"], datetime.fromisoformat(row["since"]))
        for row in rows
    )


def part_sentence(part: PartRow, now: datetime, words: Words) -> str:  # noqa: PLR0911 (one sentence a kind)
    """What a part says, in the reader's words."""
    figures = part.figures
    count = int(figures.get("count", 0))
    match part.kind:
        case "forecast":
            named = (figures["resource"], figures["object"], words)
            if figures["full"]:
                return fate(*named, over=True)
            if figures["full_at"] is None:
                return words.say("{what} grows towards its limit", what=resource_name(*named))
            at = datetime.fromisoformat(figures["full_at"])
            sure = words.percent(figures["confidence"])
            return words.say(
                "{what} {relative}, {sure} sure", what=fate(*named), relative=words.relative(at, now), sure=sure
            )
        case "services_failed":
            return words.say_n("{n} service has failed", "{n} services have failed", count)
        case "restarts":
            return words.say_n("{n} restart within a day", "{n} restarts within a day", count)
        case "updates_security_pending":
            said = words.say_n("{n} security update waits", "{n} security updates wait", count)
            return said if part.since is None else f"{said}, {_for(part.since, now, words)}"
        case "reboot_required":
            said = words.say("An update asked for a restart")
            return said if part.since is None else f"{said}, {_for(part.since, now, words)}"
        case "errors":
            return words.say(
                "{lines} error lines in the last hour, usually {usual}",
                lines=words.number(figures["lines"]),
                usual=words.number(figures["usual"], 1),
            )
        case "device":
            return str(figures["name"])
        case _:
            return str(figures.get("title", part.kind)).rstrip(".")


def _for(since: datetime, now: datetime, words: Words) -> str:
    return words.say("seen for {span}", span=words.span((now - since).total_seconds()))


def device_score_sentence(found: Degradation, now: datetime, words: Words) -> str:
    """Why a device has its score, and how it was a week ago."""
    if not found.score:
        said = words.say("Nothing is wrong with it that Sereno knows of.")
    else:
        said = words.say("Mostly because: {why}.", why=_lower(part_sentence(found.parts[0], now, words)))
        others = len(found.parts) - 1
        if others:
            said += " " + words.say_n("One more thing adds to it.", "{n} more things add to it.", others)
    return f"{said} {_week(found, now, words)}".strip()


def organisation_score_sentence(found: Degradation, now: datetime, words: Words) -> str:
    """How degraded the fleet is, by which devices, and how it was a week ago."""
    said = words.say("Degradation {n} of 100", n=found.score)
    if found.parts:
        said += ", " + words.say("most of it {names}", names=words.say(" and ").join(_names(found)))
    return f"{said}. {_week(found, now, words)}".strip()


def _names(found: Degradation) -> list[str]:
    return [str(part.figures["name"]) for part in found.parts[:2] if part.points >= found.parts[0].points / 2]


def _week(found: Degradation, now: datetime, words: Words) -> str:
    before = found.before(now.date())
    return "" if before is None else words.say("A week ago: {n}.", n=before)


def _lower(text: str) -> str:
    """The first letter small, unless it begins a name: `/var`, `DNS`."""
    return text[:1].lower() + text[1:] if text[1:2].islower() else text


def spark(days: Sequence[DayRow], today: date) -> str:
    """The path of a sparkline 100 wide and 24 high: 0 at the bottom, 100 at the top; a gap where nobody looked."""
    path, pen = [], "M"
    known = {row.day: row.worst for row in days}
    for place in range(TREND_DAYS):
        worst = known.get(today - timedelta(days=TREND_DAYS - 1 - place))
        if worst is None:
            pen = "M"
            continue
        path.append(f"{pen}{100 * place / (TREND_DAYS - 1):.1f} {23 - 22 * worst / 100:.1f}")
        if pen == "M":
            path.append("h0.1")  # a day alone is a dot
        pen = "L"
    return " ".join(path)
