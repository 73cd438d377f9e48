"""How degraded the seeded machines are, now and in the weeks before; an anomaly that goes on, and those of a month."""

import math
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection
from tests.server.web.seed_rows import device_id, put

from sereno_proto import ids
from sereno_server.prediction.degradation import Part
from sereno_server.prediction.degradation_rows import as_rows, standing_of
from sereno_server.store import tables

DAYS = 60
WHY = {"hit": "Device was silent", "miss": "nothing else came of it", "withdrawn": "packages changed: nginx"}
ANOMALIES = ["hit"] * 4 + ["miss"] * 2 + ["withdrawn"] * 3


async def scores(tx: AsyncConnection, now: datetime) -> None:
    """srv-files-02 is filling and grew worse over the weeks; db-1 has a failed service; mail-01 waits for updates."""
    begun = now - timedelta(days=9, hours=4)
    full = {"resource": "filesystem", "object": "/var", "full": False, "confidence": 0.94}
    full |= {"full_at": (now + timedelta(hours=4.5)).isoformat()}
    updates = Part("updates_security_pending", "updates_security_pending", 12.4, {"count": 7.0})
    parts = {
        "srv-files-02": [
            *(Part("forecast", "f", 69.8, full), Part("errors", "errors", 27.3, {"lines": 212, "usual": 61.4})),
            *(updates, Part("reboot_required", "reboot_required", 5.9, {})),
        ],
        "db-1": [Part("services_failed", "services_failed", 45.0, {"count": 2.0}), updates],
        "mail-01": [updates],
    }
    for name, found in parts.items():
        standing = standing_of(found, None, begun)
        scored = {"device_id": device_id(name), "parts": as_rows(standing)}
        await put(tx, tables.degradations, **scored, score=standing.score, at=now)
        for ago in range(DAYS):
            worst = max(0, round(standing.score * (1 - ago / 40) + 4 * math.sin(ago)))
            if ago in {20, 21}:
                continue  # the server was away
            day = (now - timedelta(days=ago)).date()
            await put(tx, tables.degradation_days, **scored, day=day, worst=worst, last=worst)
            if name == "srv-files-02":
                await put(tx, tables.organisation_days, day=day, worst=worst, last=worst, parts=[])


async def anomalies(tx: AsyncConnection, now: datetime) -> None:
    """A month of incidents on three machines."""
    for n, outcome in enumerate(ANOMALIES):
        made = now - timedelta(days=2 + 3 * n)
        await put(
            tx,
            tables.anomalies,
            id=ids.new_id("anm"),
            device_id=device_id(["db-1", "mail-01", "backup-01"][n % 3]),
            state="closed",
            made_at=made,
            updated_at=made + timedelta(hours=2),
            onset_at=made - timedelta(minutes=10),
            strength=1.0 + n / 4,
            title="Network and cpu unlike ever before",
            series=[],
            outcome=outcome,
            outcome_at=made + timedelta(hours=2),
            outcome_why=WHY[outcome],
        )
