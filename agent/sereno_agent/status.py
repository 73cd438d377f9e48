"""What the device says of itself: to the server as a Status, and in status.json for `sereno-agent status`."""

import json
import os
import sys
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from sereno_agent import ledger, standing
from sereno_agent.cost import resident_bytes
from sereno_agent.folders import Folders
from sereno_agent.link import Link
from sereno_agent.policy import Policy, names_told
from sereno_agent.schedule import Schedule
from sereno_agent.spool import Spool
from sereno_agent.witness import Witness
from sereno_proto.errors import SerenoError
from sereno_proto.v1.link_pb2 import CollectorCost, Status


class Reporter:
    """Gathers the status from the parts that know it."""

    def __init__(
        self,
        folders: Folders,
        policy: Callable[[], Policy],
        spool: Spool,
        schedule: Schedule,
        *,
        witness: Witness,
        databases: Collection[str] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folders = folders
        self._policy = policy
        self._spool = spool
        self._schedule = schedule
        self._witness = witness
        self._databases = databases
        self._clock = clock
        self.logs: Callable[[], dict[str, dict[str, float]]] = dict  # what each log source has said
        self._since = (clock(), time.process_time())
        self._started_ms = time.time_ns() // 1_000_000
        self._ledger_seen: tuple[int, int] = (-1, -1)
        self._ledger_head = ledger.Head()

    def status(self) -> Status:
        """The status now. CPU is the mean since the last call."""
        policy = self._policy()
        before, now = self._since, (self._clock(), time.process_time())
        self._since = now
        elapsed_s = now[0] - before[0]
        head = self._head()
        return Status(
            lockdown=self._folders.lockdown.exists(),
            policy_digest=policy.digest,
            policy_error=policy.error,
            spool_bytes=self._spool.bytes,
            spool_dropped=sum(self._spool.dropped.values()),
            resident_bytes=resident_bytes(),
            cpu_ms_per_s=(now[1] - before[1]) * 1000 / elapsed_s if elapsed_s > 0 else 0.0,
            allowed_actions=sorted(policy.actions),
            collectors_denied=sorted(policy.collectors_denied),
            collectors=[
                CollectorCost(
                    name=entry.collector.name, mean_ms=entry.mean_ms, failures=entry.failures, error=entry.error
                )
                for entry in self._schedule.entries
            ],
            ledger_head=head.digest if head.length else "",
            ledger_length=head.length,
            checkpoint_size=self._witness.size,
            checkpoint_fault=self._witness.fault[:500],
            grants=standing.reported(standing.read(self._folders.grants)),
            names=names_told(policy, self._databases),
        )

    def write(self, link: Link) -> None:
        """Writes status.json for the command line; a disk that refuses it is no reason to stop."""
        policy = self._policy()
        content = {
            "pid": os.getpid(),
            "written_ms": time.time_ns() // 1_000_000,
            "started_ms": self._started_ms,
            "connected_since_ms": link.connected_since_ms,
            "link_error": link.error,
            "acknowledged_ms": link.acknowledged_ms,
            "spool_bytes": self._spool.bytes,
            "spool_dropped": self._spool.dropped,
            "spool_error": self._spool.full,
            "policy_error": policy.error,
            "policy_digest": policy.digest,
            "resident_bytes": resident_bytes(),
            "cpu_s": round(time.process_time(), 3),
            "python_blocks": sys.getallocatedblocks(),  # live small objects: what leaks shows there first
            "logs": self.logs(),
            "collectors": {
                entry.collector.name: {
                    "interval_s": entry.interval_s,
                    "mean_ms": round(entry.mean_ms, 2),
                    "failures": entry.failures,
                    "error": entry.error,
                }
                for entry in self._schedule.entries
            },
        }
        new = self._folders.status.with_suffix(".new")
        try:
            new.write_text(json.dumps(content))
            new.replace(self._folders.status)
        except OSError:
            new.unlink(missing_ok=True)

    def _head(self) -> ledger.Head:
        try:
            found = self._folders.ledger.stat()
        except OSError:
            return ledger.Head()
        seen = (found.st_size, found.st_mtime_ns)
        if seen != self._ledger_seen:
            self._ledger_seen = seen
            try:
                self._ledger_head = ledger.head(self._folders.ledger)
            except (SerenoError, OSError):
                self._ledger_head = ledger.Head()
        return self._ledger_head


def roster_version(path: Path) -> int:
    """The pinned roster's version as its text says, unverified: the server may offer a newer one. 0 = none."""
    try:
        return int(said(path, "version"))
    except ValueError:
        return 0


def said(path: Path, key: str) -> str:
    """What a pinned document says under a key, unverified and escaped as written; empty when it cannot be read."""
    start = f"{key}: ".encode()
    try:
        lines = path.read_bytes().splitlines()
    except OSError:
        return ""
    return next((line.removeprefix(start).decode("ascii", "replace") for line in lines if line.startswith(start)), "")


def boot_id() -> bytes:
    """Differs after each start of the machine; empty where the system does not tell."""
    try:
        return bytes.fromhex(Path("/proc/sys/kernel/random/boot_id").read_text().strip().replace("-", ""))
    except (OSError, ValueError):
        return b""


def platform() -> str:
    """linux, windows or darwin."""
    return {"win32": "windows"}.get(sys.platform, sys.platform)


def read(path: Path) -> dict[str, Any]:
    """status.json as the core last wrote it; empty when it never did."""
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
