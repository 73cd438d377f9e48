"""Devices that live through a week in simulated time, before the whole path: store, prediction, rules, alerts."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
from sqlalchemy import insert, select, update
from tests.server.quiet.device import STEP_S, Week
from tests.server.quiet.lines import Lines

from sereno_proto.v1.link_pb2 import LogBlock, LogLine
from sereno_server.alerts.watch import watch
from sereno_server.prediction.process import Predictor
from sereno_server.store import samples
from sereno_server.store.blocks import Matrix
from sereno_server.store.engine import Scope, Store
from sereno_server.store.logs import Said
from sereno_server.store.logs import append as append_lines
from sereno_server.store.samples import SeriesKey
from sereno_server.store.tables import alerts, changes, devices, organisations, tickets

ORG = "org_a"
START = datetime(2026, 3, 2, tzinfo=UTC)  # a Monday
PASS_S = 2700  # a week takes minutes with less; around what happens it is the product's own, CLOSE_S
CLOSE_S = 300
BEFORE_S, AFTER_S = 600, 2400


@dataclass
class House:
    """Devices by name, and what they send."""

    store: Store
    weeks: dict[str, Week]
    now: datetime = START
    sequence: int = 0
    ids: dict[str, tuple[int, ...]] = field(default_factory=dict)
    lines: dict[str, Lines] = field(default_factory=dict)
    pass_s: float = PASS_S

    async def live(self) -> None:
        """Plays all weeks, from the first minute to the last."""
        await self._join()
        predictor = Predictor(self.store, lambda: self.now, CLOSE_S)
        await predictor.start()
        end_s = max(float(week.at_s[-1]) + STEP_S for week in self.weeks.values())
        events = [at for week in self.weeks.values() for at in week.happens_s]
        place_s = 0.0
        while place_s < end_s:
            near = any(event - BEFORE_S <= place_s <= event + AFTER_S for event in events)
            until = min((event - BEFORE_S for event in events if event - BEFORE_S > place_s), default=end_s)
            step_s = (
                CLOSE_S
                if near
                else min(self.pass_s, max((until - place_s) // CLOSE_S * CLOSE_S, CLOSE_S), end_s - place_s)
            )
            for name, week in self.weeks.items():
                await self._send(name, week, place_s, place_s + step_s)
                await self._say(name, place_s, place_s + step_s)
            place_s += step_s
            self.now = START + timedelta(seconds=place_s)
            await predictor.once()
            await watch(self.store, ORG, self.now, START - timedelta(days=1))

    async def said(self) -> list[tuple[str, str, str, str]]:
        """(device, kind, severity, title) of every alert that ever fired."""
        async with self.store.transaction(Scope(ORG)) as tx:
            columns = (alerts.c.device_id, alerts.c.kind, alerts.c.severity, alerts.c.title)
            rows = await tx.execute(select(*columns).order_by(alerts.c.opened_at))
            return [(row.device_id.removeprefix("dev_"), row.kind, row.severity, row.title) for row in rows]

    async def tickets(self) -> list[str]:
        """The names of devices with a ticket."""
        async with self.store.transaction(Scope(ORG)) as tx:
            return [one.removeprefix("dev_") for one in await tx.scalars(select(tickets.c.device_id))]

    async def _join(self) -> None:
        async with self.store.transaction(Scope.system()) as tx:
            await tx.execute(
                insert(organisations).values(organisation_id=ORG, name="a", root_text=b"", root_signatures=[])
            )
            for name, week in self.weeks.items():
                device = {"organisation_id": ORG, "id": f"dev_{name}", "name": name, "identity_key": b""}
                await tx.execute(
                    insert(devices).values(**device, platform="linux", agent_version="0", connected_at=START)
                )
                keys = [SeriesKey(name, tuple(sorted(labels.items())), kind) for name, labels, kind in week.names]
                named = await samples.name_series(tx, ORG, f"dev_{name}", keys)
                self.ids[name] = tuple(named[key] for key in keys)

    async def _send(self, name: str, week: Week, begin_s: float, end_s: float) -> None:
        inside = np.flatnonzero(week.when(begin_s, end_s))
        values = week.values[inside]
        spoken = inside[np.isfinite(values).any(axis=1)]
        async with self.store.transaction(Scope(ORG)) as tx:
            if len(spoken):
                times = np.array([self._ms(at) for at in week.at_s[spoken]], np.int64)
                self.sequence += 1
                matrix = Matrix(self.ids[name], times, week.values[spoken])
                row = samples.batch(ORG, f"dev_{name}", b"e" * 16, self.sequence, [matrix])
                await samples.append(tx, [row])
                heard = START + timedelta(seconds=float(week.at_s[spoken[-1]]) + STEP_S)
                await tx.execute(update(devices).where(devices.c.id == f"dev_{name}").values(last_seen=heard))
            for at_s in week.upgrades_s:
                if begin_s <= at_s + 900 < end_s:
                    await self._changed(tx, name, at_s + 900)

    async def _say(self, name: str, begin_s: float, end_s: float) -> None:
        by_source: dict[str, list[LogLine]] = {}
        for line in self.lines[name].within(begin_s, end_s) if name in self.lines else ():
            told = LogLine(time_ms=self._ms(line.at_s), severity=line.severity, text=line.text)
            by_source.setdefault(line.source, []).append(told)
        async with self.store.transaction(Scope(ORG)) as tx:
            for source, lines in by_source.items():
                self.sequence += 1
                block = LogBlock(source=source, lines=lines)
                said = Said(ORG, f"dev_{name}", b"e" * 16, self.sequence, self._ms(end_s), block)
                await append_lines(tx, said, (START + timedelta(seconds=begin_s)).date())

    async def _changed(self, tx, name: str, at_s: float) -> None:
        self.sequence += 1
        texts = dict.fromkeys(("name", "summary", "diff", "who", "before_digest", "after_digest"), "")
        await tx.execute(
            insert(changes).values(
                organisation_id=ORG,
                id=f"chg_{self.sequence}",
                device_id=f"dev_{name}",
                kind="package",
                object="41 packages",
                at=START + timedelta(seconds=at_s),
                received_at=START + timedelta(seconds=at_s),
                **texts,
            )
        )

    @staticmethod
    def _ms(at_s: float) -> int:
        return int(START.timestamp() * 1000 + at_s * 1000)
