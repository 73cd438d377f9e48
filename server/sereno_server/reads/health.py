"""A device's health as one SQL expression, so that lists can filter, count and sort by it in the database."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, FromClause, and_, case, or_, select

from sereno_proto import limits
from sereno_server.reads.rows import Health
from sereno_server.store.tables import alerts, devices, forecasts

RANKED: tuple[Health, ...] = ("failing", "soon", "silent", "watch", "well")  # who comes first in a list

_SEVERITIES = {"failing": RANKED.index("failing"), "soon": RANKED.index("soon"), "watch": RANKED.index("watch")}


def of_device(table: FromClause) -> ColumnElement[bool]:
    """Joins a table to the device it tells about."""
    return and_(table.c.organisation_id == devices.c.organisation_id, table.c.device_id == devices.c.id)


def severity_rank() -> ColumnElement[Any]:
    """The position in RANKED that a firing alert gives its device."""
    return case(_SEVERITIES, value=alerts.c.severity, else_=_SEVERITIES["watch"])


def health_rank(now: datetime) -> ColumnElement[Any]:
    """The position in RANKED: a silent device is silent whatever it said last; then its worst firing alert decides."""
    unheard = or_(devices.c.last_seen.is_(None), devices.c.last_seen < now - timedelta(seconds=limits.DEVICE_SILENT_S))
    # Uncorrelated: PostgreSQL hashes each list once. One subquery a device took 500 ms for 10,000 of them, this 30.
    firing = select(alerts.c.device_id).where(alerts.c.state == "firing")
    will_run_out = select(forecasts.c.device_id).where(forecasts.c.state == "open", forecasts.c.full_at.is_not(None))
    return case(
        (and_(devices.c.connected_at.is_(None), unheard), RANKED.index("silent")),
        (devices.c.id.in_(firing.where(alerts.c.severity == "failing")), RANKED.index("failing")),
        (devices.c.id.in_(firing.where(alerts.c.severity == "soon")), RANKED.index("soon")),
        (or_(devices.c.id.in_(firing), devices.c.id.in_(will_run_out)), RANKED.index("watch")),
        else_=RANKED.index("well"),
    )
