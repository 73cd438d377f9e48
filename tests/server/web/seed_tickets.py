"""The two tickets of the seeded story: one that waits for a signature, one that was solved."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection
from tests.server.web.seed_rows import GB, ORGANISATION, alert, change, device_id, forecast, put

from sereno_proto import ids
from sereno_proto.grants import STANDING, Grant, GrantedDevice, write_grant
from sereno_proto.plan import Plan, write_plan
from sereno_proto.planned_step import PlannedStep, Require, Target
from sereno_server.store import tables

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


async def filling_disk(tx: AsyncConnection, now: datetime) -> Story:
    began = now - timedelta(hours=6, minutes=8)
    forecast_id = await forecast(tx, now, "srv-files-02", resource="filesystem", object_="/var", hours=4 + 28 / 60)
    cause = await change(
        tx,
        began - timedelta(seconds=19),
        "/etc/orders-api/logging.conf",
        "orders-api logs at DEBUG",
        diff=DIFF,
        who="apt",
    )
    cron = await change(
        tx,
        now - timedelta(hours=9),
        "/etc/cron.d/backup-share",
        "Cron entry backup-share moved",
        diff=CRON_DIFF,
        who="noa",
    )
    ticket_id, run_id = ids.new_id("tkt"), ids.new_id("run")
    opened = now - timedelta(minutes=6)
    await put(
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
        await put(tx, tables.causes, ticket_id=ticket_id, change_id=change_id, rank=rank, weight=weight, why=why)
    for check, severity, title in [
        ("largest_files", "serious", "/var/log/orders-api/orders.log is 8.3 GB, 98 % of all growth on /var"),
        ("disk_space", "serious", "7.6 GB free of 40 GB, no other volume to move to"),
        ("recent_changes", "note", "logging.conf changed 19 s before the growth began"),
    ]:
        await put(
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
    await put(
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
    await put(tx, tables.signatures, run_id=run_id, person="noa", purpose="request", armored="", at=now)
    for seconds, kind, said, actor in [
        (-19 - 6 * 3600 - 480 + 360, "change", "/etc/orders-api/logging.conf changed", "device"),
        (0, "forecast", "Forecast: /var full at 07:40, 94 % sure", "server"),
        (1, "alert", "Ticket opened", "server"),
        (4, "check", "3 checks finished, 2 serious findings", "device"),
        (60, "proposed", "disk.free_space proposed; the dry run passed on the device", "device"),
        (110, "requested", "Noa asked for it and signed", "noa"),
    ]:
        await put(
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


async def granted(tx: AsyncConnection, now: datetime) -> None:
    """A standing grant in force on one machine, and refused by another."""
    begin = now.replace(microsecond=0) - timedelta(hours=5)
    code = "sha256:" + "c" * 64
    grant = Grant(
        kind=STANDING,
        id="grt_1",
        nonce="0" * 32,
        organisation_id=ORGANISATION,
        requester="noa",
        playbook="disk.free_space",
        ticket_id="",
        risk="medium",
        roster_version_min=18,
        not_before=begin,
        expires=begin + timedelta(days=7),
        devices=tuple(GrantedDevice(device_id(name), name) for name in ("srv-files-02", "tablet-12")),
        steps=(
            PlannedStep(
                "remove old files",
                {"folder": "app-logs"},
                action="remove_old_files",
                code=code,
                risk="medium",
                bounds={"targets-max": 20, "files-max": 20},
            ),
        ),
        uses=3,
        pause_s=3600,
        triggers=(Require("disk_space", {"folder": "app-logs"}, "free_percent", "<", 10),),
    )
    text = write_grant(grant)
    own = {"kind": grant.kind, "playbook": grant.playbook, "requester": "noa", "risk": "medium", "state": "active"}
    window = {"not_before": grant.not_before, "expires": grant.expires, "created_at": begin}
    await put(tx, tables.grants, id=grant.id, **own, **window, text=text, digest=ids.sha256(text))
    for person, purpose in (("noa", "request"), ("iker", "approve"), ("ane", "approve")):
        await put(tx, tables.grant_signatures, grant_id=grant.id, person=person, purpose=purpose, armored="", at=begin)
    for name, state, why in (("srv-files-02", "taken", None), ("tablet-12", "refused", "E_POLICY_FORBIDS")):
        what = "the policy does not allow remove_old_files" if why else None
        place = {"device_id": device_id(name), "run_id": ids.new_id("run"), "state": state, "code": why, "what": what}
        await put(tx, tables.grant_devices, grant_id=grant.id, **place, at=begin)


async def solved(tx: AsyncConnection, now: datetime) -> str:
    """A ticket of yesterday: signed by two, carried out, verified, its forecast prevented."""
    ticket_id, run_id = ids.new_id("tkt"), ids.new_id("run")
    opened = now - timedelta(days=1, hours=3)
    forecast_id = await forecast(
        tx,
        opened,
        "hv-03",
        resource="filesystem",
        object_="/var/lib/libvirt",
        hours=9,
        state="closed",
        outcome="prevented",
        outcome_at=opened + timedelta(minutes=14),
        outcome_why="a run freed 81 GB",
        lead_s=8 * 3600.0,
    )
    await put(
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
    await put(
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
        await put(tx, tables.signatures, run_id=run_id, person=person, purpose=purpose, armored="", at=at)
    for index, (step, state, what) in enumerate(
        [
            (0, "started", "Two signatures verified by the device"),
            (1, "step_done", "Put back the version of 3 days ago"),
            (2, "step_done", "Rotated 1 file, removed 12: 81 GB freed"),
            (2, "succeeded", "disk_space(filesystem=libvirt).free_percent is 52, at least 35 was asked"),
        ]
    ):
        await put(
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
    await put(
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
        await put(
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
