"""A believable night: one machine whose disk fills, its ticket with a plan that waits, a solved one, and quiet others.

`fill` writes it into an empty, migrated database; tests and `dev_server.py` (screenshots) use it.
"""

import tempfile
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection
from tests.server.web.seed_inventory import inventories, other_changes
from tests.server.web.seed_logs import said
from tests.server.web.seed_rows import GB, ORGANISATION, alert, device_id, forecast, put
from tests.server.web.seed_rules import rules
from tests.server.web.seed_scores import anomalies, scores
from tests.server.web.seed_tickets import Story, filling_disk, granted, solved

from sereno_proto import ids, sshsig
from sereno_proto.roster import DEFAULT_THRESHOLDS, Person, Roster, RosterKey, write_roster
from sereno_server.audit import ledger
from sereno_server.store import samples, tables
from sereno_server.store.blocks import Matrix
from sereno_server.store.samples import SeriesKey


async def fill(tx: AsyncConnection, now: datetime) -> Story:
    """Writes the whole story, as of now."""
    await put(tx, tables.organisations, name="Panaderías Molino", root_text=b"seed", root_signatures=[])
    await _roster(tx, now)
    await _devices(tx, now)
    await _var_samples(tx, now)
    story = await filling_disk(tx, now)
    solved_id = await solved(tx, now)
    await granted(tx, now)
    await _scored(tx, now)
    await other_changes(tx, now)
    await inventories(tx, now)
    await _others(tx, now)
    await _ledger(tx, now, story)
    await said(tx, now)
    await scores(tx, now)
    await anomalies(tx, now)
    await rules(tx, now)
    return Story(story.device_id, story.ticket_id, story.run_id, solved_id, story.plan_text)


async def _roster(tx: AsyncConnection, now: datetime) -> None:
    """Noa asks, Iker and Marta approve."""
    with tempfile.TemporaryDirectory() as folder:
        keys = {name: sshsig.generate(Path(folder) / name).public_key for name in ("noa", "iker", "marta")}
    roles = {"noa": "technician", "iker": "approver", "marta": "approver"}
    issued = now.replace(microsecond=0) - timedelta(days=3)
    text = write_roster(
        Roster(
            organisation_id=ORGANISATION,
            version=18,
            issued=issued,
            expires=issued + timedelta(days=60),
            persons=tuple(
                Person(name, name.title(), roles[name], (RosterKey("approve", key),)) for name, key in keys.items()
            ),
            thresholds=DEFAULT_THRESHOLDS,
        )
    )
    await put(tx, tables.rosters, version=18, roster_text=text, signatures=[], expires_at=issued + timedelta(days=60))


async def _devices(tx: AsyncConnection, now: datetime) -> None:
    rows = [
        ("srv-files-02", "Obrador", "Debian 12", 4, True),
        ("db-1", "Oficina", "Rocky 9", 7, True),
        ("hv-03", "Almacén", "Proxmox 9", 3, True),
        ("mail-01", "Oficina", "Debian 12", 8, True),
        ("srv-erp-01", "Oficina", "Ubuntu 24.04", 6, True),
        ("bastion", "Obrador", "Alpine 3.22", 2, True),
        ("backup-01", "Almacén", "Debian 12", 10, True),
        ("tablet-12", "Tienda 4", "Ubuntu 24.04", 9 * 3600 + 720, False),
    ]
    for name, site, platform, seen_s, connected in rows:
        await put(
            tx,
            tables.devices,
            id=device_id(name),
            name=name,
            identity_key=name.encode(),
            site=site,
            platform=platform,
            agent_version="0.1.0",
            name_verified=name != "tablet-12",
            joined_at=now - timedelta(days=63),
            last_seen=now - timedelta(seconds=seen_s),
            connected_at=now - timedelta(hours=5) if connected else None,
            clock_offset_ms=12,
            roster_version=18,
            facts={"system.os": platform, "system.kernel": "6.1.0-27-amd64", "hardware.memory": "15.6 GiB"},
        )


async def _var_samples(tx: AsyncConnection, now: datetime) -> None:
    """Two days of /var a minute: 22 GB, then 1.7 GB an hour since a change 6 h 8 min ago."""
    keys = {
        "used": SeriesKey("filesystem_used_bytes", (("mount", "/var"),)),
        "size": SeriesKey("filesystem_size_bytes", (("mount", "/var"),)),
        "inodes": SeriesKey("filesystem_inodes_used", (("mount", "/var"),)),
        "inodes_all": SeriesKey("filesystem_inodes", (("mount", "/var"),)),
        "memory": SeriesKey("memory_used_bytes"),
        "memory_all": SeriesKey("memory_total_bytes"),
        "share": SeriesKey("filesystem_used_bytes", (("mount", "/srv/share"),)),
        "share_all": SeriesKey("filesystem_size_bytes", (("mount", "/srv/share"),)),
        "cpu": SeriesKey("cpu_used_ratio"),
    }
    named = await samples.name_series(tx, ORGANISATION, device_id("srv-files-02"), list(keys.values()))
    end = int(now.timestamp() * 1000)
    times = np.arange(end - 48 * 3_600_000, end + 1, 60_000, dtype=np.int64)
    hours = (times - end) / 3_600_000
    wave = np.sin(np.arange(times.size) / 9) * 0.06
    growing = np.maximum(hours + 6.13, 0) * 1.7
    rows = {
        "used": (22 + growing + wave + np.sin(hours / 4) * 0.2) * GB,
        "size": np.full(times.size, 40.0 * GB),
        "inodes": 576_000 + np.arange(times.size) * 0.1,
        "inodes_all": np.full(times.size, 2_600_000.0),
        "memory": (9.8 + wave * 5) * GB,
        "memory_all": np.full(times.size, 16.0 * GB),
        "share": np.full(times.size, 2100.0 * GB),
        "share_all": np.full(times.size, 4000.0 * GB),
        "cpu": 0.2 + wave,
    }
    matrix = Matrix(tuple(named[keys[k]] for k in rows), times, np.column_stack(list(rows.values())))
    batch = samples.batch(ORGANISATION, device_id("srv-files-02"), b"e" * 16, 1, [matrix])
    assert batch is not None
    await samples.append(tx, [batch])


async def _scored(tx: AsyncConnection, now: datetime) -> None:
    """A month of scored forecasts."""
    outcomes = ["hit"] * 27 + ["miss"] * 3 + ["prevented"] * 6 + ["withdrawn"] * 2
    for n, outcome in enumerate(outcomes):
        made = now - timedelta(days=1 + n * 0.7)
        resource, object_ = [("filesystem", "/var"), ("memory", ""), ("filesystem", "/")][n % 3]
        await forecast(
            tx,
            made,
            ["db-1", "mail-01", "backup-01"][n % 3],
            resource=resource,
            object_=object_,
            hours=6 + n % 11,
            state="closed",
            outcome=outcome,
            outcome_at=made + timedelta(hours=6),
            outcome_why={"miss": "it was not full at the end of its interval"}.get(outcome, "it was full then"),
            lead_s=3600.0 * (2 + (n * 5) % 17),
            confidence=0.6 + (n % 4) / 10,
            first_confidence=0.35 + (n % 7) / 10,
        )


async def _others(tx: AsyncConnection, now: datetime) -> None:
    """Two machines with something far away."""
    memory = await forecast(
        tx,
        now,
        "db-1",
        resource="memory",
        object_="",
        hours=11,
        confidence=0.72,
        value=11.2 * GB,
        capacity=16.0 * GB,
        growth_per_s=52_000.0,
    )
    await alert(tx, now - timedelta(hours=1), "db-1", None, memory, severity="watch", title="Memory of db-1 grows")
    await forecast(
        tx,
        now,
        "hv-03",
        resource="filesystem",
        object_="/var/lib/libvirt",
        hours=54,
        confidence=0.88,
        value=1_500.0 * GB,
        capacity=2_000.0 * GB,
    )


async def _ledger(tx: AsyncConnection, now: datetime, story: Story) -> None:
    rows = [
        ("server", "ticket.open", story.ticket_id, {"number": 4817}),
        ("server", "check.run", story.device_id, {"check": "disk_space"}),
        ("server", "check.run", story.device_id, {"check": "largest_files"}),
        ("device:srv-files-02", "run.planned", story.run_id, {"digest": ids.sha256(story.plan_text)}),
        ("noa", "run.request", story.run_id, {"playbook": "disk.free_space"}),
        ("noa", "run.sign", story.run_id, {"purpose": "request"}),
    ]
    for n, (actor, verb, object_, payload) in enumerate(rows):
        row_id = await ledger.record(tx, ORGANISATION, actor, verb, object_, payload)
        at = now - timedelta(minutes=6 - n)
        await tx.execute(update(tables.ledger).where(tables.ledger.c.id == row_id).values(at=at))
