"""Schedules: at their times the elected node asks devices for plans. What is proposed so waits for people to sign."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger
from sqlalchemy import and_, delete, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_proto.errors import BadInput, Refused, SerenoError
from sereno_proto.ids import new_id
from sereno_proto.limits import SCHEDULES_MAX
from sereno_proto.roster import NOBODY
from sereno_server.access.account import Account
from sereno_server.access.authorise import Object, authorise
from sereno_server.app import now as server_clock
from sereno_server.audit.ledger import record
from sereno_server.rollouts.begin import Wish, begin
from sereno_server.rollouts.choose import Chosen, Target, choose
from sereno_server.runs.parts import Clock, Parts
from sereno_server.runs.playbooks import compile_playbook
from sereno_server.store.engine import Scope
from sereno_server.store.tables import devices, maintenance, schedules

MISSED_AFTER: Final = timedelta(hours=1)  # a time that nobody kept is over then, and the next one is waited for
AT_ONCE_MAX: Final = 50


@dataclass(frozen=True)
class Plan:
    """What is to be asked for, and when. cron: minute hour day month weekday; zone: `Europe/Madrid`."""

    wish: Wish
    cron: str
    zone: str = "UTC"
    in_maintenance: bool = field(default=False, kw_only=True)


def next_time(cron: str, zone: str, after: datetime) -> datetime:
    """The first time after this one. Raises E_PARAMETER where cron or zone make no sense, or there is none."""
    try:
        trigger = CronTrigger.from_crontab(cron, timezone=ZoneInfo(zone))
    except (ValueError, KeyError, OSError) as error:
        what = f"{cron[:80]!r} in {zone[:80]!r} is no time: {error}"
        raise BadInput("E_PARAMETER", what, "five fields and a zone, as in '0 3 * * sat' Europe/Madrid") from error
    found: datetime | None = trigger.get_next_fire_time(None, after + timedelta(seconds=1))
    if found is None:
        raise BadInput("E_PARAMETER", f"{cron[:80]!r} never comes")
    return found.astimezone(after.tzinfo)


async def add_schedule(app: Parts, account: Account, plan: Plan, *, clock: Clock = server_clock) -> str:
    """Keeps a schedule and gives its id. Raises E_FORBIDDEN, E_PARAMETER, E_PLAYBOOK_UNKNOWN, E_NOT_FOUND, E_LIMIT."""
    organisation_id, now, wish = account.organisation_id, clock(), plan.wish
    authorise(account, "request_run", Object("schedule", organisation_id))
    compile_playbook(wish.playbook, wish.parameters)
    target = {"devices": list(wish.target.devices), "site": wish.target.site, "query": wish.target.query}
    schedule_id = new_id("sch")
    async with app.store.transaction(Scope(organisation_id)) as tx:
        await choose(tx, organisation_id, wish.target)
        if len((await tx.execute(select(schedules.c.id))).all()) >= SCHEDULES_MAX:
            raise BadInput("E_LIMIT", f"an organisation has at most {SCHEDULES_MAX} schedules")
        await tx.execute(
            insert(schedules).values(
                organisation_id=organisation_id,
                id=schedule_id,
                playbook=wish.playbook,
                parameters=dict(wish.parameters),
                target=target,
                rings=list(wish.rings),
                failures_max=wish.failures_max,
                pause_s=wish.pause_s,
                cron=plan.cron,
                zone=plan.zone,
                in_maintenance=plan.in_maintenance,
                made_by=account.name,
                created_at=now,
                next_at=next_time(plan.cron, plan.zone, now),
            )
        )
        payload = {"playbook": wish.playbook, "target": wish.target.words, "cron": plan.cron, "zone": plan.zone}
        await record(tx, organisation_id, account.name, "schedule.add", schedule_id, payload)
    return schedule_id


async def remove_schedule(app: Parts, account: Account, schedule_id: str) -> None:
    """Forgets a schedule; what it has asked for already goes on. Raises E_NOT_FOUND, E_FORBIDDEN."""
    organisation_id = account.organisation_id
    authorise(account, "deny", Object("schedule", organisation_id, schedule_id))
    async with app.store.transaction(Scope(organisation_id)) as tx:
        of = (schedules.c.organisation_id == organisation_id, schedules.c.id == schedule_id)
        if (await tx.execute(delete(schedules).where(*of).returning(schedules.c.id))).first() is None:
            raise Refused("E_NOT_FOUND", f"no schedule {schedule_id[:80]}")
        await record(tx, organisation_id, account.name, "schedule.remove", schedule_id, {})


async def tick(tx: AsyncConnection, clock: Clock = server_clock) -> None:
    """Asks for what is due. Each schedule for itself: one that cannot be kept says why, and hinders no other."""
    now = clock()
    query = select(schedules).where(schedules.c.next_at <= now).order_by(schedules.c.next_at).limit(AT_ONCE_MAX)
    for row in (await tx.execute(query.with_for_update(skip_locked=True))).mappings().all():
        try:
            async with tx.begin_nested():
                said = await _keep(tx, dict(row), now, clock)
        except SerenoError as error:
            said = f"not asked for: {error.what} ({error.code})"
        organisation_id, schedule_id = row["organisation_id"], row["id"]
        await tx.execute(
            update(schedules)
            .where(schedules.c.organisation_id == organisation_id, schedules.c.id == schedule_id)
            .values(next_at=next_time(row["cron"], row["zone"], now), last_at=now, last_what=said)
        )
        await record(tx, organisation_id, "server", "schedule.tick", schedule_id, {"what": said})


async def _keep(tx: AsyncConnection, row: dict[str, Any], now: datetime, clock: Clock) -> str:
    if now - row["next_at"] > MISSED_AFTER:
        return "missed: the server was away at that time"
    organisation_id, target = row["organisation_id"], Target(**row["target"])
    found = await choose(tx, organisation_id, target)
    if row["in_maintenance"]:
        found = await _in_maintenance(tx, organisation_id, found, now)
        if not found:
            return "not asked for: no maintenance is announced for its devices now"
    rings, failures_max, pause_s = row["rings"], row["failures_max"], row["pause_s"]
    wish = Wish(row["playbook"], target, row["parameters"], rings, failures_max, pause_s)
    begun = await begin(tx, organisation_id, NOBODY, wish, found, clock=clock, schedule_id=row["id"])
    away = f", {len(begun.offline)} devices away" if begun.offline else ""
    return f"{begun.rollout_id}: asked {begun.runs} devices for plans{away}"


async def _in_maintenance(
    tx: AsyncConnection, organisation_id: str, found: list[Chosen], now: datetime
) -> list[Chosen]:
    on = and_(
        maintenance.c.organisation_id == devices.c.organisation_id,
        maintenance.c.starts_at <= now,
        maintenance.c.ends_at > now,
        or_(
            maintenance.c.device_id == devices.c.id,
            and_(
                maintenance.c.device_id.is_(None),
                or_(maintenance.c.site.is_(None), maintenance.c.site == devices.c.site),
            ),
        ),
    )
    query = select(devices.c.id).where(
        devices.c.organisation_id == organisation_id, select(maintenance.c.id).where(on).exists()
    )
    covered = set((await tx.execute(query)).scalars())
    return [one for one in found if one.id in covered]
