"""Disks: bytes, operations and the time they took, as counters. For platforms without a file of their own."""

import psutil

from sereno_agent.reading import Collect, Reading, Surroundings


def make(_surroundings: Surroundings) -> Collect:
    return collect


def collect(reading: Reading) -> None:
    for name, disk in (psutil.disk_io_counters(perdisk=True) or {}).items():
        label = ("disk", name)
        reading.counter("disk_read_bytes", disk.read_bytes, label)
        reading.counter("disk_written_bytes", disk.write_bytes, label)
        reading.counter("disk_reads", disk.read_count, label)
        reading.counter("disk_writes", disk.write_count, label)
        reading.counter("disk_read_seconds", disk.read_time / 1000, label)
        reading.counter("disk_write_seconds", disk.write_time / 1000, label)
