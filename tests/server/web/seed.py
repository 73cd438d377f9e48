"""A believable night: one machine whose disk fills, its ticket with a plan that waits, a solved one, and quiet others.

`fill` writes it into an empty, migrated database; tests and `dev_server.py` (screenshots) use it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from sqlalchemy import Table, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_proto import ids
from sereno_proto.plan import Plan, PlannedStep, Require, Target, write_plan
from sereno_server.audit import ledger
from sereno_server.store import samples, tables
from sereno_server.store.blocks import Matrix
from sereno_server.store.samples import SeriesKey

ORGANISATION = ids.organisation_id(b"seed")
GB = 1_000_000_000
DIFF = """\
--- /etc/orders-api/logging.conf
+++ /etc/orders-api/logging.conf
@@ -1,3 +1,3 @@
 [logger_root]
-level = INFO
+level = DEBUG
 handlers = file
"""
CRON_DIFF = """\
@@ -1 +1 @@
-30 1 * * * root /usr/local/sbin/backup-share
+30 2 * * * root /usr/local/sbin/backup-share
"""


@dataclass(frozen=True)
class Story:
    """The ids that tests ask for."""

    device_id: str
    ticket_id: str
    run_id: str
    solved_ticket_id: str
    plan_text: bytes


def device_id(name: str) -> str:
    return ids.device_id(name.encode())


async def fill(tx: AsyncConnection, now: datetime) -> Story:
    """Writes the whole story, as of now."""
    await _put(tx, tables.organisations, name="Panaderías Molino", root_text=b"seed", root_signatures=[])
    await _devices(tx, now)
    await _var_samples(tx, now)
    story = await _filling_disk(tx, now)
    solved = await _solved(tx, now)
    await _scored(tx, now)
    await _others(tx, now)
    await _ledger(tx, story)
    return Story(story.device_id, story.ticket_id, story.run_id, solved, story.plan_text)


async def _put(tx: AsyncConnection, table: Table, **values: object) -> None:
    await tx.execute(insert(table).values(organisation_id=ORGANISATION, **values))


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
        await _put(
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
            facts={"os.name": platform, "os.kernel": "6.1.0-27-amd64", "cpu.count": "4", "memory.bytes": "16777216000"},
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


async def _series_id(tx: AsyncConnection, device: str, key: SeriesKey) -> int:
    return (await samples.name_series(tx, ORGANISATION, device_id(device), [key]))[key]


async def forecast(
    tx: AsyncConnection, now: datetime, device: str, resource: str, object_: str, hours: float, **more: object
) -> str:
    """One open forecast of a filesystem, memory, … and its id."""
    forecast_id = ids.new_id("fct")
    key = (
        SeriesKey("memory_used_bytes")
        if resource == "memory"
        else SeriesKey("filesystem_used_bytes", (("mount", object_),))
    )
    full_at = now + timedelta(hours=hours)
    value, capacity = 32.4 * GB, 40.0 * GB
    low, high = hours * 0.81, hours * 1.33
    steps = np.linspace(0, high, 25)
    path = [
        [
            int((now + timedelta(hours=float(h))).timestamp() * 1000),
            min(value + (capacity - value) * h / high, capacity),
            min(value + (capacity - value) * h / hours, capacity),
            min(value + (capacity - value) * h / low, capacity),
        ]
        for h in steps
    ]
    values: dict[str, object] = {
        "id": forecast_id,
        "device_id": device_id(device),
        "series_id": await _series_id(tx, device, key),
        "predictor": "exhaustion",
        "resource": resource,
        "object": object_,
        "state": "open",
        "made_at": now - timedelta(minutes=7),
        "updated_at": now - timedelta(seconds=20),
        "full_at": full_at,
        "full_at_low": now + timedelta(hours=low),
        "full_at_high": now + timedelta(hours=high),
        "first_full_at": full_at,
        "onset_at": now - timedelta(hours=6, minutes=8),
        "confidence": 0.94,
        "value": value,
        "capacity": capacity,
        "growth_per_s": 1.7 * GB / 3600,
        "path": path,
    }
    await _put(tx, tables.forecasts, **(values | more))
    return forecast_id


async def change(tx: AsyncConnection, at: datetime, object_: str, summary: str, diff: str = "", who: str = "") -> str:
    """One change on srv-files-02, and its id."""
    change_id = ids.new_id("chg")
    await _put(
        tx,
        tables.changes,
        id=change_id,
        device_id=device_id("srv-files-02"),
        kind="file",
        object=object_,
        name=object_.rsplit("/", 1)[-1],
        summary=summary,
        diff=diff,
        who=who,
        before_digest="sha256:" + "1" * 64,
        after_digest="sha256:" + "2" * 64,
        at=at,
        received_at=at,
    )
    return change_id


async def alert(
    tx: AsyncConnection, now: datetime, device: str, ticket_id: str | None, forecast_id: str, **more: object
) -> None:
    """One alert on a forecast."""
    values: dict[str, object] = {
        "id": ids.new_id("alr"),
        "fingerprint": f"{device}/{forecast_id}",
        "device_id": device_id(device),
        "kind": "exhaustion",
        "object": "/var",
        "severity": "soon",
        "title": f"/var on {device} will be full",
        "state": "firing",
        "opened_at": now,
        "last_at": now,
        "ticket_id": ticket_id,
        "forecast_id": forecast_id,
        "figures": {},
    }
    await _put(tx, tables.alerts, **(values | more))


def plan(now: datetime, run_id: str, ticket_id: str) -> Plan:
    """What the device would do: put a line back, then compress."""
    code = "sha256:" + "c" * 64
    return Plan(
        id=ids.new_id("pln"),
        nonce="0123456789abcdef0123456789abcdef",
        device_id=device_id("srv-files-02"),
        device_name="srv-files-02",
        organisation_id=ORGANISATION,
        run_id=run_id,
        ticket_id=ticket_id,
        playbook="disk.free_space",
        requester="noa",
        risk="medium",
        roster_version_min=18,
        policy_digest="sha256:" + "d" * 64,
        issued=(now - timedelta(minutes=3)).replace(microsecond=0),
        expires=(now + timedelta(minutes=27)).replace(microsecond=0),
        steps=(
            PlannedStep(
                name="put_back_configuration",
                parameters={"file": "orders-logging"},
                action="restore_file",
                code=code,
                risk="medium",
                effect="Puts back the version of /etc/orders-api/logging.conf from before 21:04, 1 line differs.",
                undo="Puts the present version back.",
                targets=(Target("/etc/orders-api/logging.conf", 131_342, "sha256:" + "2" * 64, "sha256:" + "1" * 64),),
                bounds={"files-max": 1},
                diff=("@@ -1,3 +1,3 @@", " [logger_root]", "-level = DEBUG", "+level = INFO", " handlers = file"),
            ),
            PlannedStep(
                name="rotate",
                parameters={"folder": "orders-logs"},
                action="rotate_logs",
                code=code,
                effect="Rotates orders.log in /var/log/orders-api and compresses 14 closed files.",
                undo="Unpacks the compressed files.",
                targets=(Target("/var/log/orders-api/orders.log", 131_400, "growing", "truncated", 9 * GB),),
                bounds={"bytes-removed-max": 8_300_000_000, "files-max": 15},
                require=(Require("disk_space", {"filesystem": "var"}, "free_percent", ">=", 35, 60),),
            ),
        ),
    )


async def _filling_disk(tx: AsyncConnection, now: datetime) -> Story:
    began = now - timedelta(hours=6, minutes=8)
    forecast_id = await forecast(tx, now, "srv-files-02", "filesystem", "/var", 4 + 28 / 60)
    cause = await change(
        tx, began - timedelta(seconds=19), "/etc/orders-api/logging.conf", "orders-api logs at DEBUG", DIFF, "apt"
    )
    cron = await change(
        tx, now - timedelta(hours=9), "/etc/cron.d/backup-share", "Cron entry backup-share moved", CRON_DIFF, "noa"
    )
    ticket_id, run_id = ids.new_id("tkt"), ids.new_id("run")
    opened = now - timedelta(minutes=6)
    await _put(
        tx,
        tables.tickets,
        id=ticket_id,
        number=4817,
        device_id=device_id("srv-files-02"),
        title="/var on srv-files-02 will be full",
        state="open",
        stage="proposed",
        priority=2,
        fingerprint="var",
        assignee="noa",
        opened_at=opened,
    )
    await alert(tx, opened, "srv-files-02", ticket_id, forecast_id)
    for rank, (change_id, weight, why) in enumerate(
        [
            (cause, 0.92, "Growth began 19 s later, and this file sets how much is logged."),
            (cron, 0.05, "Too early: growth began 2 h 52 min later."),
        ],
        1,
    ):
        await _put(tx, tables.causes, ticket_id=ticket_id, change_id=change_id, rank=rank, weight=weight, why=why)
    for check, severity, title in [
        ("largest_files", "serious", "/var/log/orders-api/orders.log is 8.3 GB, 98 % of all growth on /var"),
        ("disk_space", "serious", "7.6 GB free of 40 GB, no other volume to move to"),
        ("recent_changes", "note", "logging.conf changed 19 s before the growth began"),
    ]:
        await _put(
            tx,
            tables.findings,
            id=ids.new_id("fnd"),
            device_id=device_id("srv-files-02"),
            ticket_id=ticket_id,
            check=check,
            severity=severity,
            title=title,
            advice="",
            evidence=[["path", "/var/log/orders-api/orders.log"], ["inode", "131400"]],
            figures={"free_percent": 19},
            duration_ms=940.0,
            at=opened + timedelta(seconds=4),
        )
    text = write_plan(plan(now, run_id, ticket_id))
    await _put(
        tx,
        tables.runs,
        id=run_id,
        ticket_id=ticket_id,
        device_id=device_id("srv-files-02"),
        playbook="disk.free_space",
        requester="noa",
        state="planned",
        steps=[],
        plan_id="pln_1",
        plan_text=text,
        plan_digest=ids.sha256(text),
        device_signature="",
        risk="medium",
        created_at=opened,
        planned_at=now - timedelta(minutes=3),
        expires_at=now + timedelta(minutes=27),
    )
    await _put(tx, tables.signatures, run_id=run_id, person="noa", purpose="request", sshsig="", at=now)
    for seconds, kind, said, actor in [
        (-19 - 6 * 3600 - 480 + 360, "change", "/etc/orders-api/logging.conf changed", "device"),
        (0, "forecast", "Forecast: /var full at 07:40, 94 % sure", "server"),
        (1, "alert", "Ticket opened", "server"),
        (4, "check", "3 checks finished, 2 serious findings", "device"),
        (60, "proposed", "disk.free_space proposed; the dry run passed on the device", "device"),
        (110, "requested", "Noa asked for it and signed", "noa"),
    ]:
        await _put(
            tx,
            tables.timeline,
            id=ids.new_id("evt"),
            ticket_id=ticket_id,
            at=opened + timedelta(seconds=seconds),
            kind=kind,
            text=said,
            actor=actor,
            detail={},
        )
    return Story(device_id("srv-files-02"), ticket_id, run_id, "", text)


async def _solved(tx: AsyncConnection, now: datetime) -> str:
    """A ticket of yesterday: signed by two, carried out, verified, its forecast prevented."""
    ticket_id, run_id = ids.new_id("tkt"), ids.new_id("run")
    opened = now - timedelta(days=1, hours=3)
    forecast_id = await forecast(
        tx,
        opened,
        "hv-03",
        "filesystem",
        "/var/lib/libvirt",
        9,
        state="closed",
        outcome="prevented",
        outcome_at=opened + timedelta(minutes=14),
        outcome_why="a run freed 81 GB",
        lead_s=8 * 3600.0,
    )
    await _put(
        tx,
        tables.tickets,
        id=ticket_id,
        number=4790,
        device_id=device_id("hv-03"),
        title="/var/lib/libvirt on hv-03 will be full",
        state="resolved",
        stage="resolved",
        priority=3,
        fingerprint="libvirt",
        opened_at=opened,
        resolved_at=opened + timedelta(minutes=14),
        resolution="disk.free_space by noa, signed by iker: 81 GB freed, 52 % free",
    )
    await alert(
        tx,
        opened,
        "hv-03",
        ticket_id,
        forecast_id,
        state="resolved",
        resolved_at=opened + timedelta(minutes=14),
        title="/var/lib/libvirt on hv-03 will be full",
    )
    text = write_plan(plan(opened, run_id, ticket_id))
    await _put(
        tx,
        tables.runs,
        id=run_id,
        ticket_id=ticket_id,
        device_id=device_id("hv-03"),
        playbook="disk.free_space",
        requester="noa",
        state="succeeded",
        steps=[],
        plan_id="pln_0",
        plan_text=text,
        plan_digest=ids.sha256(text),
        device_signature="",
        risk="low",
        created_at=opened,
        planned_at=opened + timedelta(minutes=1),
        expires_at=opened + timedelta(minutes=31),
        finished_at=opened + timedelta(minutes=12),
    )
    for person, purpose in (("noa", "request"), ("iker", "approve")):
        at = opened + timedelta(minutes=9)
        await _put(tx, tables.signatures, run_id=run_id, person=person, purpose=purpose, sshsig="", at=at)
    for index, (step, state, what) in enumerate(
        [
            (0, "started", "Two signatures verified by the device"),
            (1, "step_done", "Put back the version of 3 days ago"),
            (2, "step_done", "Rotated 1 file, removed 12: 81 GB freed"),
            (2, "succeeded", "disk_space(filesystem=libvirt).free_percent is 52, at least 35 was asked"),
        ]
    ):
        await _put(
            tx,
            tables.run_events,
            id=f"{run_id}{index}",
            run_id=run_id,
            at=opened + timedelta(minutes=11, seconds=index * 4),
            step=step,
            state=state,
            what=what,
            code="",
            ledger_digest="sha256:" + "e" * 64,
        )
    await _put(
        tx,
        tables.findings,
        id=ids.new_id("fnd"),
        device_id=device_id("hv-03"),
        ticket_id=ticket_id,
        run_id=run_id,
        check="disk_space",
        severity="fine",
        title="52 % free, at least 35 % was asked",
        advice="",
        evidence=[],
        figures={"free_percent": 52},
        duration_ms=12.0,
        at=opened + timedelta(minutes=12),
    )
    for minutes, kind, said, actor in [
        (0, "forecast", "Forecast: /var/lib/libvirt full in 9 h", "server"),
        (9, "signed", "Iker approved and signed", "iker"),
        (11, "run", "The device verified both signatures and carried out the plan", "device"),
        (12, "verified", "52 % free, at least 35 % was asked", "device"),
        (14, "resolved", "Solved: the condition is gone", "server"),
    ]:
        await _put(
            tx,
            tables.timeline,
            id=ids.new_id("evt"),
            ticket_id=ticket_id,
            at=opened + timedelta(minutes=minutes),
            kind=kind,
            text=said,
            actor=actor,
            detail={},
        )
    return ticket_id


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
            resource,
            object_,
            6 + n % 11,
            state="closed",
            outcome=outcome,
            outcome_at=made + timedelta(hours=6),
            outcome_why={"miss": "it was not full at the end of its interval"}.get(outcome, "it was full then"),
            lead_s=3600.0 * (2 + (n * 5) % 17),
            confidence=0.6 + (n % 4) / 10,
        )


async def _others(tx: AsyncConnection, now: datetime) -> None:
    """Two machines with something far away."""
    memory = await forecast(
        tx, now, "db-1", "memory", "", 11, confidence=0.72, value=11.2 * GB, capacity=16.0 * GB, growth_per_s=52_000.0
    )
    await alert(tx, now - timedelta(hours=1), "db-1", None, memory, severity="watch", title="Memory of db-1 grows")
    await forecast(
        tx,
        now,
        "hv-03",
        "filesystem",
        "/var/lib/libvirt",
        54,
        confidence=0.88,
        value=1_500.0 * GB,
        capacity=2_000.0 * GB,
    )


async def _ledger(tx: AsyncConnection, story: Story) -> None:
    rows = [
        ("server", "ticket.open", story.ticket_id, {"number": 4817}),
        ("server", "check.ask", story.device_id, {"check": "disk_space"}),
        ("server", "check.ask", story.device_id, {"check": "largest_files"}),
        ("device:srv-files-02", "plan.issue", story.run_id, {"digest": ids.sha256(story.plan_text)}),
        ("noa", "run.request", story.run_id, {"playbook": "disk.free_space"}),
        ("noa", "run.sign", story.run_id, {"purpose": "request"}),
    ]
    for actor, verb, object_, payload in rows:
        await ledger.record(tx, ORGANISATION, actor, verb, object_, payload)
