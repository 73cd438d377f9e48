"""The desk's loop: hears what changed, looks anyway every few seconds, and works whatever is open."""

import asyncio
import contextlib
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_proto import limits
from sereno_proto.errors import SerenoError
from sereno_server.alerts.watch import watch
from sereno_server.app import now as server_clock
from sereno_server.desk.suggest import suggest
from sereno_server.desk.work import Desk
from sereno_server.prediction.cause import rank
from sereno_server.runs.expire import expire
from sereno_server.runs.parts import LATER
from sereno_server.runs.playbooks import compile_playbook
from sereno_server.store.engine import Scope
from sereno_server.store.tables import organisations, runs, tickets

if TYPE_CHECKING:
    from sereno_server.app import App
    from sereno_server.store.events import Event

POLL_S = 5.0  # nothing waits for longer than this, also when an event was lost
PAUSE_S = 0.2  # between two rounds, so that a storm of events makes few of them
AT_ONCE_MAX = 32
REST_S = 3.0  # what a device could not do now is not asked again before
ASLEEP_S = limits.DEVICE_SILENT_S / 2  # a loop that was away for so long has not been listening
KINDS = ("forecast", "alert", "ticket", "run", "device", "change")

log = logging.getLogger(__name__)


async def run(app: "App") -> None:
    """Works until cancelled. What was under way is found again in the rows at the next start."""
    loop = Loop(Desk(app, server_clock, suggest, compile_playbook, rank), app.started_at)
    with app.events.subscribe(*KINDS) as queue:
        async with asyncio.TaskGroup() as tasks:
            while True:
                for item in await loop.look():
                    loop.start(tasks, item)
                await _news(queue)


async def _news(queue: "asyncio.Queue[Event]") -> None:
    """Waits for an event, or the poll; takes all that came together as one."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(POLL_S):
            await queue.get()
    await asyncio.sleep(PAUSE_S)
    while not queue.empty():
        queue.get_nowait()


@dataclass(frozen=True)
class Item:
    """Something open: a ticket or a run."""

    kind: str
    organisation_id: str
    id: str


class Loop:
    """Finds what there is to work on, and works each thing in one task at a time."""

    def __init__(self, desk: Desk, started_at: datetime) -> None:
        self._desk = desk
        self._up_since = started_at
        self._heard: datetime | None = None
        self._busy: set[Item] = set()
        self._rests: dict[Item, datetime] = {}
        self._places = asyncio.Semaphore(AT_ONCE_MAX)

    async def look(self) -> list[Item]:
        """One look at everything: the alert path first, then what is open. A database that is away gives nothing."""
        now = self._desk.clock()
        try:
            owners = await self._organisations()
        except (SQLAlchemyError, OSError) as error:
            log.warning("desk: the database is away: %s", _line(error))
            return []
        if self._heard is not None and now - self._heard > timedelta(seconds=ASLEEP_S):
            self._up_since = now  # suspended, or without its database: silence of that time is nobody's fault
        self._heard = now
        self._rests = {item: until for item, until in self._rests.items() if until > now}
        return [item for owner in owners for item in await self._look_at(owner, now)]

    def start(self, tasks: asyncio.TaskGroup, item: Item) -> None:
        """Works it in a task of its own, unless one does already."""
        now = self._desk.clock()
        if item not in self._busy and self._rests.get(item, now) <= now:
            self._rests.pop(item, None)
            self._busy.add(item)
            tasks.create_task(self.work(item))

    async def work(self, item: Item) -> None:
        """Works one thing. A fault in it is told, and keeps nobody from the others; the next look tries again."""
        try:
            async with self._places:
                work = self._desk.work_ticket if item.kind == "ticket" else self._desk.work_run
                await work(item.organisation_id, item.id)
        except SerenoError as error:
            log.log(logging.DEBUG if error.code in LATER else logging.WARNING, "desk: %s: %s", item.id, error)
            self._rests[item] = self._desk.clock() + timedelta(seconds=REST_S)
        except (SQLAlchemyError, OSError) as error:
            log.warning("desk: %s: %s", item.id, _line(error))
        except Exception:
            log.exception("desk: %s", item.id)
        finally:
            self._busy.discard(item)

    async def _look_at(self, organisation_id: str, now: datetime) -> list[Item]:
        store = self._desk.app.store
        try:
            await watch(store, organisation_id, now, self._up_since)
            async with store.transaction(Scope(organisation_id)) as tx:
                await expire(tx, organisation_id, now)
                return await _open_items(tx, organisation_id)
        except (SQLAlchemyError, OSError) as error:
            log.warning("desk: %s: %s", organisation_id, _line(error))
        except Exception:
            log.exception("desk: %s", organisation_id)
        return []

    async def _organisations(self) -> list[str]:
        async with self._desk.app.store.transaction(Scope.system()) as tx:
            return list((await tx.scalars(select(organisations.c.organisation_id))).all())


async def _open_items(tx: AsyncConnection, organisation_id: str) -> list[Item]:
    open_tickets = select(tickets.c.id).where(tickets.c.organisation_id == organisation_id, tickets.c.state == "open")
    waiting = select(runs.c.id).where(
        runs.c.organisation_id == organisation_id, runs.c.state.in_(("planning", "planned"))
    )
    return [
        *(Item("run", organisation_id, run_id) for run_id in await tx.scalars(waiting.order_by(runs.c.id))),
        *(
            Item("ticket", organisation_id, ticket_id)
            for ticket_id in await tx.scalars(open_tickets.order_by(tickets.c.priority, tickets.c.number))
        ),
    ]


def _line(error: BaseException) -> str:
    return str(error).partition("\n")[0]
