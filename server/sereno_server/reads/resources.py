"""Bounded resources: which two series are the use and the bound of one thing, and what is known about each."""

from collections.abc import Mapping
from dataclasses import dataclass

from sereno_server.prediction.resources import KINDS
from sereno_server.reads.rows import ForecastRow


@dataclass(frozen=True)
class SeriesRow:
    """A named measurement of a device with its latest value; `value` is None while nothing was received."""

    id: int
    name: str
    labels: Mapping[str, str]
    text: str
    kind: str
    value: float | None = None
    at_ms: int | None = None


@dataclass(frozen=True)
class ResourceRow:
    """One bounded resource now, and when it runs out, if it does."""

    resource: str
    object: str
    series_id: int  # of its use
    capacity_series_id: int
    value: float
    capacity: float
    forecast: ForecastRow | None = None

    @property
    def share(self) -> float:
        return self.value / self.capacity if self.capacity else 0.0


def bounded(series: list[SeriesRow], forecasts: list[ForecastRow]) -> list[ResourceRow]:
    """Every resource that has a use and a bound: those that run out first at the top, then the fullest."""
    by_key = {(s.name, tuple(sorted(s.labels.items()))): s for s in series}
    by_series = {f.series_id: f for f in forecasts if f.state == "open"}
    rows: list[ResourceRow] = []
    for kind in KINDS:
        for used in (s for s in series if s.name == kind.used):
            capacity = by_key.get((kind.capacity, tuple(sorted(used.labels.items()))))
            if capacity is None or used.value is None or not capacity.value:
                continue
            rows.append(
                ResourceRow(
                    resource=kind.resource,
                    object=used.labels.get(kind.label, "") if kind.label else "",
                    series_id=used.id,
                    capacity_series_id=capacity.id,
                    value=used.value,
                    capacity=capacity.value,
                    forecast=by_series.get(used.id),
                )
            )
    return sorted(rows, key=_urgency)


def _urgency(row: ResourceRow) -> tuple[float, float]:
    full_at = row.forecast.full_at if row.forecast else None
    return (full_at.timestamp() if full_at else float("inf"), -row.share)
