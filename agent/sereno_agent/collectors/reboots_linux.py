"""Tells that the machine was started anew, when, and whether it had been shut down properly before.

The kernel makes a new boot id at every start; the last one seen is kept, so that a start is told once, also one while
the agent was away.
"""

from datetime import UTC, datetime
from typing import Final

from sereno_agent.collectors.uptime_linux import shut_down_cleanly
from sereno_agent.host import Host
from sereno_agent.reading import Collect, Reading, Surroundings
from sereno_agent.snapshots import Item, Snapshots
from sereno_proto.ids import sha256
from sereno_proto.v1.link_pb2 import Change

INTERVAL_MS: Final = 60_000
_NAME: Final = "reboots"
_HOW: Final = {True: "shut down properly before", False: "without a shutdown before: a crash or a lost supply"}


def make(surroundings: Surroundings) -> Collect:
    host, snapshots = surroundings.host, Snapshots(surroundings.folders.snapshots)
    told = ""

    def collect(reading: Reading) -> None:
        nonlocal told
        boot = host.line("/proc/sys/kernel/random/boot_id")
        if not boot or boot == told:
            return
        kept = snapshots.load(_NAME)
        before = kept["boot"].text if kept and "boot" in kept else ""
        if before and before != boot:
            reading.changes.append(_restarted(host, before, boot, surroundings.now_ms()))

        def done() -> None:
            nonlocal told
            told = boot
            snapshots.save(_NAME, {"boot": Item(boot)})

        reading.kept.append(done)

    return collect


def _restarted(host: Host, before: str, boot: str, now_ms: int) -> Change:
    started_s = _started_s(host)
    clean = shut_down_cleanly(host.content("/var/log/wtmp") or b"")
    summary = "Started anew" + (f", {_HOW[clean]}" if clean is not None else "")
    when = f"{datetime.fromtimestamp(started_s, UTC):%Y-%m-%d %H:%M:%S} UTC" if started_s else "at an unknown time"
    return Change(
        kind="reboot",
        object="machine",
        summary=summary,
        diff=f"+started {when}",
        before_digest=sha256(before.encode()),
        after_digest=sha256(boot.encode()),
        time_ms=now_ms,
        modified_ms=started_s * 1000,
    )


def _started_s(host: Host) -> int:
    stat = host.read("/proc/stat") or ""
    at = stat.find("\nbtime ")
    return int(stat[at + 7 : stat.find("\n", at + 1)]) if at >= 0 else 0
