"""What the seeded machines are and have, and what changed on one of them beside its files."""

from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection
from tests.server.web.seed_rows import change, device_id, put

from sereno_server.store import tables

OPENSSL = {
    "srv-files-02": "3.0.14-1~deb12u2",
    "mail-01": "3.0.15-1~deb12u1",
    "srv-erp-01": "3.0.13-0ubuntu3.4",
    "db-1": "1:3.0.7-28.el9_4",
}
SYSTEMS = {
    "srv-files-02": "Debian GNU/Linux 12 (bookworm)",
    "mail-01": "Debian GNU/Linux 12 (bookworm)",
    "srv-erp-01": "Ubuntu 24.04.1 LTS",
    "db-1": "Rocky Linux 9.4 (Blue Onyx)",
}
EVERYWHERE = {
    "hardware.memory": "15.6 GiB",
    "hardware.processor": "4 x AMD EPYC 7282",
    "hardware.disk.vda": "40.0 GiB",
    "system.kernel": "6.1.0-27-amd64",
    "package.bash": "5.2.15-2",
    "package.libssl3": "3.0.14-1~deb12u2",
    "port.tcp/22": "every address, sshd",
    "port.tcp/445": "every address, smbd",
    "user.noa": "uid 1000, /bin/bash",
    "group.sudo": "noa",
    "service.smbd.service": "running, enabled",
    "network.eth0": "10.20.4.12/24, 52:54:00:12:34:56",
    "network.route.default": "via 10.20.4.1 on eth0",
}


async def inventories(tx: AsyncConnection, now: datetime) -> None:
    """Four machines have told what they have."""
    for name, version in OPENSSL.items():
        own = {
            "system.os": SYSTEMS[name],
            "system.packages": "rpm" if name == "db-1" else "deb",
            "package.openssl": version,
        }
        told = {"digest": "sha256:x", "told_at": now - timedelta(minutes=3)}
        await put(tx, tables.inventories, device_id=device_id(name), **told)
        for key, value in {**EVERYWHERE, **own}.items():
            await put(tx, tables.facts, device_id=device_id(name), key=key, value=value)


async def other_changes(tx: AsyncConnection, now: datetime) -> None:
    """Packages, a group and a service on srv-files-02."""
    upgraded = "".join(f"-lib{n} 1.{n}-1\n+lib{n} 1.{n}-2\n" for n in range(30))
    changes = (
        ("package", 50, "30 packages", "30 packages: 30 changed (lib0, lib1, lib2, …)", upgraded, "noa, apt upgrade"),
        ("group", 41, "smb-office", "group smb-office changed: gid 1001: noa to gid 1001: noa, till-4",
         "-gid 1001: noa\n+gid 1001: noa, till-4\n", ""),
        ("service", 30, "smbd.service", "service smbd.service changed: stopped, enabled to running, enabled",
         "-stopped, enabled\n+running, enabled\n", ""),
    )  # fmt: skip
    for kind, hours, object_, summary, diff, who in changes:
        await change(tx, now - timedelta(hours=hours), object_, summary, diff=diff, who=who, kind=kind)
