"""What rules found in the story: a disk that loses sectors, two notes; and work that is announced."""

from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection
from tests.server.web.seed_rows import device_id, put

from sereno_server.rules.catalogue import RULES
from sereno_server.store import tables

HELD = (
    ("srv-files-02", "disk_pending_sectors", "sdb", 8.0, 5.0),
    ("srv-files-02", "reboot_required", "", 1.0, 30.0),
    ("srv-files-02", "security_updates", "", 12.0, 40.0),
)


async def rules(tx: AsyncConnection, now: datetime) -> None:
    for number, (name, rule, thing, figure, hours) in enumerate(HELD):
        at = now - timedelta(hours=hours)
        found = {"rule": rule, "object": thing, "figure": figure, "onset_at": at, "made_at": at}
        title = RULES[rule].title(thing, figure)
        await put(tx, tables.conditions, id=f"cnd_{number}", device_id=device_id(name), title=title, **found)
    window = {"starts_at": now - timedelta(minutes=20), "ends_at": now + timedelta(minutes=40)}
    await put(
        tx,
        tables.maintenance,
        id="mnt_1",
        device_id=device_id("srv-files-02"),
        reason="moving the shop's share",
        made_by="noa",
        **window,
    )
