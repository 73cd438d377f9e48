"""Disks: bytes, operations and the time they took as counters; wait, use and queue since the last reading.

The wait of an operation is `disk_await_seconds`; `disk_busy_ratio` is the part of the time in which at least one was
under way, 0..1; `disk_queue_length` how many were on average. Whole disks only, and those that ever did anything.
"""

from typing import Final, NamedTuple

from sereno_agent.reading import Collect, Reading, Surroundings

SECTOR_BYTES: Final = 512  # of /proc/diskstats, whatever the disk has
_LIST_S: Final = 60.0
_LEFT_OUT: Final = ("loop", "ram", "zram", "fd", "sr")
_FIELDS_MIN: Final = 14


class Disk(NamedTuple):
    """One line of /proc/diskstats."""

    reads: int
    read_bytes: int
    read_ms: int
    writes: int
    written_bytes: int
    write_ms: int
    in_flight: int
    busy_ms: int
    waited_ms: int


def parse(text: str) -> dict[str, Disk]:
    """Every line that is one; names in the order given."""
    found = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) >= _FIELDS_MIN:
            reads, _, read, read_ms, writes, _, written, write_ms, now, busy, waited = map(int, words[3:14])
            found[words[2]] = Disk(
                reads, read * SECTOR_BYTES, read_ms, writes, written * SECTOR_BYTES, write_ms, now, busy, waited
            )
    return found


def make(surroundings: Surroundings) -> Collect:
    """Keeps the last reading, and for a while which devices are whole disks."""
    host, clock = surroundings.host, surroundings.monotonic
    last: dict[str, Disk] = {}
    last_at = listed_at = float("-inf")
    whole: set[str] = set()

    def collect(reading: Reading) -> None:
        nonlocal last, last_at, listed_at, whole
        now = clock()
        if now - listed_at >= _LIST_S:
            whole = {name.replace("!", "/") for name in host.names("/sys/block") if not name.startswith(_LEFT_OUT)}
            listed_at = now
        disks = parse(host.read("/proc/diskstats") or "")
        for name, disk in disks.items():
            if name in whole and disk.reads + disk.writes:
                _write(reading, name, disk)
                before = last.get(name)
                if before is not None and now > last_at:
                    _since(reading, name, before, disk, now - last_at)
        last, last_at = disks, now

    return collect


def _write(reading: Reading, name: str, disk: Disk) -> None:
    label = ("disk", name)
    reading.counter("disk_read_bytes", disk.read_bytes, label)
    reading.counter("disk_written_bytes", disk.written_bytes, label)
    reading.counter("disk_reads", disk.reads, label)
    reading.counter("disk_writes", disk.writes, label)
    reading.counter("disk_read_seconds", disk.read_ms / 1000, label)
    reading.counter("disk_write_seconds", disk.write_ms / 1000, label)
    reading.counter("disk_busy_seconds", disk.busy_ms / 1000, label)
    reading.counter("disk_waited_seconds", disk.waited_ms / 1000, label)
    reading.gauge("disk_in_flight", disk.in_flight, label)


def _since(reading: Reading, name: str, before: Disk, disk: Disk, elapsed_s: float) -> None:
    label = ("disk", name)
    operations = disk.reads + disk.writes - before.reads - before.writes
    took_ms = disk.read_ms + disk.write_ms - before.read_ms - before.write_ms
    if min(operations, took_ms, disk.busy_ms - before.busy_ms, disk.waited_ms - before.waited_ms) < 0:
        return  # the disk was taken out and put in again
    reading.gauge("disk_await_seconds", took_ms / 1000 / operations if operations else 0.0, label)
    reading.gauge("disk_busy_ratio", min(1.0, (disk.busy_ms - before.busy_ms) / 1000 / elapsed_s), label)
    reading.gauge("disk_queue_length", (disk.waited_ms - before.waited_ms) / 1000 / elapsed_s, label)
