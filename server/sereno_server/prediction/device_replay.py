"""A device's past once more, in order: the production code sees each sample as it came, and never what came later.

Three engines run side by side as in the prediction process: exhaustion with its forecasts' lives, anomaly with its
incidents, and the rules. What they would have said is kept. Nothing here reads or writes a database.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np

from sereno_server.prediction.incidents import Opened, is_open, title
from sereno_server.prediction.lifecycle import Forecast, Runs, advanced, moment, opened, wants_to_open
from sereno_server.prediction.resources import Bounded, bounded
from sereno_server.prediction.slots import SLOT_MS, into_slots
from sereno_server.prediction.unusual import Device, Fresh, Unusual
from sereno_server.prediction.watch import Key, Outlook, Stretch, Watch, join
from sereno_server.rules import judge
from sereno_server.rules.judge import Memory
from sereno_server.rules.rows import SeriesRow as RuleSeries
from sereno_server.rules.watch import Binding, bound
from sereno_server.store.samples import Columns

OPEN: Final = "open"


@dataclass(frozen=True)
class Named:
    """A series of the device. kind: gauge or counter; text: its name with its labels."""

    id: int
    name: str
    labels: Mapping[str, str]
    text: str
    kind: str


@dataclass(frozen=True)
class Ran:
    """A run that was carried out on the device. ended: None while it goes on."""

    playbook: str
    began: datetime
    ended: datetime | None
    succeeded: bool


@dataclass(frozen=True)
class Said:
    """One thing it would have said. at: when; until: when it took it back, None = not by the end.

    kind: forecast, anomaly, rule or template. outcome: hit, miss, prevented, withdrawn, open, "" = none is given.
    path: the band as it was first drawn, [ms, low, median, high].
    """

    kind: str
    at: datetime
    title: str
    until: datetime | None = None
    resource: str = ""
    object: str = ""
    outcome: str = OPEN
    why: str = ""
    lead_s: float | None = None
    onset_at: datetime | None = None
    full_at: datetime | None = None
    full_at_low: datetime | None = None
    full_at_high: datetime | None = None
    confidence: float | None = None
    series_id: int = 0
    severity: str = ""
    path: Sequence[Sequence[float]] = field(default=(), repr=False)


class DeviceReplay:
    """The state of all engines for one device, and what they said."""

    def __init__(self, device: Device, named: Iterable[Named], runs: Sequence[Ran], pass_s: float) -> None:
        self.device = device
        self.named = {one.id: one for one in named}
        self.runs = runs
        self.pass_s = pass_s
        self.watch = Watch()
        self.unusual = Unusual()
        self.said: list[Said] = []
        self.fresh_forecasts: list[Key] = []  # opened in the last stretch: their onset is still the predictor's own
        self._resources = {Key(*device, one.series_id): one for one in bounded(self.named.values())}
        self._open: dict[Key, Forecast] = {}
        self._first: dict[str, Forecast] = {}
        self._incident: tuple[datetime, Opened] | None = None
        self._bindings: list[Binding] = bound(
            RuleSeries(*device, one.id, one.name, dict(one.labels)) for one in self.named.values()
        )
        self._memories: dict[int, Memory] = {}
        self._holding: dict[int, Said] = {}
        self._newest: dict[int, int] = {}

    @property
    def resources(self) -> list[Bounded]:
        """What is bounded on the device."""
        return list(self._resources.values())

    @property
    def wanted(self) -> list[int]:
        """The series whose bound is watched."""
        ids = {
            one for resource in self._resources.values() for one in (resource.series_id, resource.capacity_series_id)
        }
        return sorted(ids)

    def warm_up(self, columns: Columns) -> None:
        """Learns what is usual from an older time, as a start of the server does: nothing is said of it."""
        self.watch.feed(self._stretches(columns))

    def take_in(self, columns: Columns, start_ms: int, end_ms: int, *, speak: bool = True) -> None:
        """Takes whole slots of five minutes, in order; columns may begin earlier, for counters.

        speak: whether forecasts are made and incidents counted; otherwise it is only learned from.
        """
        counters = frozenset(one.id for one in self.named.values() if one.kind == "counter")
        slots = into_slots(columns, counters, start_ms, end_ms)
        texts = {one.id: one.text for one in self.named.values()}
        stretches = self._stretches(columns) if speak else []
        for place in range(len(slots.at)):
            until_ms = int(slots.at[place] * 1000)
            alone = replace(
                slots, at=slots.at[place : place + 1], values=slots.values[:, place : place + 1],
                resets=slots.resets[place : place + 1],
            )  # fmt: skip
            began = self.unusual.feed([Fresh(self.device, alone, texts)])
            self._rules(columns, until_ms)
            if not speak:
                continue
            self._incidents(began, _moment(until_ms))
            self._forecasts(stretches, until_ms)

    def end(self, now: datetime) -> list[Said]:
        """Everything that was said, in order; what goes on is open."""
        for forecast in self._open.values():
            self.said.append(self._forecast_said(forecast, None))
        if self._incident is not None:
            self._close_incident(now, OPEN)
        self.said += self._holding.values()
        return sorted(self.said, key=lambda one: one.at)

    def _stretches(self, columns: Columns) -> list[Stretch]:
        """The bounded series, one sample a pass: the last of each."""
        found = []
        for key, resource in self._resources.items():
            used, limit = columns.get(resource.series_id), columns.get(resource.capacity_series_id)
            if limit is None and key in self.watch.newest:
                limit = (np.zeros(1, np.int64), np.array([self.watch.newest[key][2]]))
            if used is None or limit is None or not len(used[0]):
                continue
            part = join(key, used, limit)
            slot = np.floor(part.at / self.pass_s)
            keep = np.concatenate([slot[1:] != slot[:-1], [True]])
            found.append(Stretch(key, part.at[keep], part.value[keep], part.capacity[keep]))
        return found

    def _forecasts(self, stretches: Sequence[Stretch], until_ms: int) -> None:
        """The passes within this slot."""
        for number in range(max(round(SLOT_MS / 1000 / self.pass_s), 1)):
            end_s = until_ms / 1000 - SLOT_MS / 1000 + (number + 1) * self.pass_s
            now = moment(end_s)
            assert now is not None
            fed = []
            for part in stretches:
                first, last = np.searchsorted(part.at, (end_s - self.pass_s, end_s)).tolist()
                if last > first:
                    fed.append(
                        Stretch(part.key, part.at[first:last], part.value[first:last], part.capacity[first:last])
                    )
            self.watch.feed(fed)
            for key in [*self._open, *(key for key in self.watch.said() if key not in self._open)]:
                self._step(key, now)

    def _step(self, key: Key, now: datetime) -> None:
        outlook, known, resource = self.watch.outlook(key), self._open.get(key), self._resources.get(key)
        if outlook is None or resource is None:
            return
        if known is None:
            if wants_to_open(outlook):
                self._open_forecast(key, resource, outlook, now)
            return
        runs = Runs() if outlook.open else self._runs(known.made_at, now)
        forecast = advanced(known, outlook, runs, now, self.pass_s)
        if forecast.state == "open":
            self._open[key] = forecast
            return
        del self._open[key]
        self.said.append(self._forecast_said(forecast, now))
        if forecast.outcome is not None and forecast.outcome.outcome == "prevented":
            self.watch.forget(key)

    def _open_forecast(self, key: Key, resource: Bounded, outlook: Outlook, now: datetime) -> None:
        forecast = opened(f"{len(self._first)}", key, resource, outlook, now)
        self._open[key] = self._first[forecast.id] = forecast
        self.fresh_forecasts.append(key)

    def began(self, key: Key, onset: datetime | None) -> None:
        """Keeps the onset of an open forecast as it was found in the samples."""
        forecast = self._open.get(key)
        if forecast is not None:
            self._open[key] = replace(forecast, onset_at=onset)

    def opened_at(self, key: Key) -> tuple[datetime | None, datetime] | None:
        """The predictor's own onset of an open forecast, and when it was made."""
        forecast = self._open.get(key)
        return None if forecast is None else (forecast.onset_at, forecast.made_at)

    def _runs(self, since: datetime, now: datetime) -> Runs:
        going = any(run.began <= now and (run.ended is None or run.ended > now) for run in self.runs)
        done = [run for run in self.runs if run.succeeded and run.ended is not None and since <= run.ended <= now]
        return Runs(going, done[-1].playbook if done else None)

    def _forecast_said(self, forecast: Forecast, until: datetime | None) -> Said:
        first, outcome = self._first[forecast.id], forecast.outcome
        return Said(
            kind="forecast",
            at=forecast.made_at,
            until=until,
            title="",
            resource=forecast.resource,
            object=forecast.object,
            outcome=outcome.outcome if outcome else OPEN,
            why=outcome.why if outcome else "",
            lead_s=outcome.lead_s if outcome else None,
            onset_at=forecast.onset_at,
            full_at=first.full_at,
            full_at_low=first.full_at_low,
            full_at_high=first.full_at_high,
            confidence=first.confidence,
            series_id=forecast.key.series_id,
            path=first.path or (),
        )

    def _incidents(self, began: Sequence[tuple[Device, Opened]], now: datetime) -> None:
        if self._incident is not None and not is_open(self.unusual.calm[self.device]):
            self._close_incident(now, "")
        if began and self._incident is None:
            self._incident = (now, began[0][1])

    def _close_incident(self, now: datetime, outcome: str) -> None:
        assert self._incident is not None
        made_at, incident = self._incident
        self._incident = None
        over = None if outcome == OPEN else now
        onset = _moment(incident.onset * SLOT_MS)
        self.said.append(Said("anomaly", made_at, title(incident.series), over, outcome=outcome, onset_at=onset))

    def _rules(self, columns: Columns, until_ms: int) -> None:
        """All rules over the samples of this slot."""
        parts: dict[int, Any] = {}
        for binding in self._bindings:
            for series_id in (binding.series_id, binding.partner):
                if series_id in columns and series_id not in parts:
                    times, values = columns[series_id]
                    first, last = np.searchsorted(times, (until_ms - SLOT_MS, until_ms)).tolist()
                    if last > first:
                        parts[series_id] = (times[first:last], values[first:last])
                        self._newest[series_id] = self._newest[0] = int(times[last - 1])
        for number, binding in enumerate(self._bindings):
            memory = self._memories.setdefault(number, Memory())
            held = self._holding.get(number)
            column = parts.get(binding.series_id)
            if column is not None:
                judge.feed(binding.rule, memory, column, parts.get(binding.partner), is_open=held is not None)
            if not memory.at_ms:
                continue
            gone = judge.is_absent(binding.rule, memory, self._newest.get(binding.beside or 0, 0))
            if held is not None and (gone or judge.is_over(binding.rule, memory)):
                self.said.append(replace(self._holding.pop(number), until=_moment(until_ms), outcome=""))
                memory.wrong_ms = -1
            elif held is None and not gone and judge.holds(binding.rule, memory):
                text = binding.rule.title(binding.object, memory.figure)
                self._holding[number] = Said(
                    "rule", _moment(until_ms), text, resource=binding.rule.name, object=binding.object,
                    severity=binding.rule.severity, onset_at=_moment(memory.since_ms), series_id=binding.series_id,
                )  # fmt: skip


def _moment(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC)
