"""What both measure on one machine, Sereno's collectors and prometheus-node-exporter say alike.

Ours are read just before and just after theirs, all within a second. A figure agrees when it lies between our two, or
within 5 % or one unit of one of them. What moves by leaps (dirty pages, sockets) has a few tries.
"""

import http.client
import os
import re
import shutil
import socket
import subprocess
import time

import pytest

from sereno_agent import collectors
from sereno_agent.folders import Folders
from sereno_agent.policy import Policy
from sereno_agent.reading import Reading, Surroundings

PROGRAM = os.environ.get("SERENO_NODE_EXPORTER") or shutil.which("prometheus-node-exporter")
SHARE, UNIT, WITHIN_S, TRIES = 0.05, 1.0, 1.0, 5
LINE = re.compile(r"^(node_\w+)(?:\{(.*)\})? (\S+)$", re.MULTILINE)
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')

# ours: theirs, where the labels agree but for their names
SAME = {
    "cpu_seconds": "node_cpu_seconds_total",
    "load1": "node_load1",
    "load5": "node_load5",
    "load15": "node_load15",
    "context_switches": "node_context_switches_total",
    "processes_forked": "node_forks_total",
    "processes_running": "node_procs_running",
    "processes_blocked": "node_procs_blocked",
    "memory_total_bytes": "node_memory_MemTotal_bytes",
    "memory_free_bytes": "node_memory_MemFree_bytes",
    "memory_available_bytes": "node_memory_MemAvailable_bytes",
    "memory_buffers_bytes": "node_memory_Buffers_bytes",
    "memory_cached_bytes": "node_memory_Cached_bytes",
    "memory_shared_bytes": "node_memory_Shmem_bytes",
    "memory_slab_bytes": "node_memory_Slab_bytes",
    "memory_slab_unreclaimable_bytes": "node_memory_SUnreclaim_bytes",
    "memory_page_tables_bytes": "node_memory_PageTables_bytes",
    "memory_anonymous_bytes": "node_memory_AnonPages_bytes",
    "memory_dirty_bytes": "node_memory_Dirty_bytes",
    "memory_writeback_bytes": "node_memory_Writeback_bytes",
    "memory_committed_bytes": "node_memory_Committed_AS_bytes",
    "memory_commit_limit_bytes": "node_memory_CommitLimit_bytes",
    "swap_total_bytes": "node_memory_SwapTotal_bytes",
    "oom_kills": "node_vmstat_oom_kill",
    "page_faults_major": "node_vmstat_pgmajfault",
    "swap_pages_in": "node_vmstat_pswpin",
    "swap_pages_out": "node_vmstat_pswpout",
    "filesystem_size_bytes": "node_filesystem_size_bytes",
    "filesystem_inodes": "node_filesystem_files",
    "filesystem_readonly": "node_filesystem_readonly",
    "disk_read_bytes": "node_disk_read_bytes_total",
    "disk_written_bytes": "node_disk_written_bytes_total",
    "disk_reads": "node_disk_reads_completed_total",
    "disk_writes": "node_disk_writes_completed_total",
    "disk_read_seconds": "node_disk_read_time_seconds_total",
    "disk_write_seconds": "node_disk_write_time_seconds_total",
    "disk_busy_seconds": "node_disk_io_time_seconds_total",
    "disk_waited_seconds": "node_disk_io_time_weighted_seconds_total",
    "disk_in_flight": "node_disk_io_now",
    "network_received_bytes": "node_network_receive_bytes_total",
    "network_received_packets": "node_network_receive_packets_total",
    "network_received_errors": "node_network_receive_errs_total",
    "network_received_drops": "node_network_receive_drop_total",
    "network_sent_bytes": "node_network_transmit_bytes_total",
    "network_sent_packets": "node_network_transmit_packets_total",
    "network_sent_errors": "node_network_transmit_errs_total",
    "network_sent_drops": "node_network_transmit_drop_total",
    "network_up": "node_network_up",
    "sockets_used": "node_sockstat_sockets_used",
    "tcp_sockets_in_use": "node_sockstat_TCP_inuse",
    "tcp_sockets_orphaned": "node_sockstat_TCP_orphan",
    "tcp_sockets_time_wait": "node_sockstat_TCP_tw",
    "tcp_sockets_allocated": "node_sockstat_TCP_alloc",
    "udp_sockets_in_use": "node_sockstat_UDP_inuse",
    "tcp_connections_opened": "node_netstat_Tcp_ActiveOpens",
    "tcp_connections_accepted": "node_netstat_Tcp_PassiveOpens",
    "tcp_connections_established": "node_netstat_Tcp_CurrEstab",
    "tcp_segments_received": "node_netstat_Tcp_InSegs",
    "tcp_segments_sent": "node_netstat_Tcp_OutSegs",
    "tcp_segments_retransmitted": "node_netstat_Tcp_RetransSegs",
    "tcp_segments_bad": "node_netstat_Tcp_InErrs",
    "udp_datagrams_received": "node_netstat_Udp_InDatagrams",
    "udp_datagrams_sent": "node_netstat_Udp_OutDatagrams",
    "udp_datagrams_unwanted": "node_netstat_Udp_NoPorts",
    "udp_receive_buffer_errors": "node_netstat_Udp_RcvbufErrors",
    "udp_send_buffer_errors": "node_netstat_Udp_SndbufErrors",
    "tcp_listen_drops": "node_netstat_TcpExt_ListenDrops",
    "tcp_listen_overflows": "node_netstat_TcpExt_ListenOverflows",
    "conntrack_used": "node_nf_conntrack_entries",
    "conntrack_limit": "node_nf_conntrack_entries_limit",
    "file_descriptors_used": "node_filefd_allocated",
    "file_descriptors_limit": "node_filefd_maximum",
    "entropy_bits": "node_entropy_available_bits",
    "boot_time_seconds": "node_boot_time_seconds",
    "process_threads": "node_processes_threads",
    "processes_total": "node_processes_pids",
    "clock_offset_seconds": "node_timex_offset_seconds",
    "clock_error_max_seconds": "node_timex_maxerror_seconds",
    "clock_synchronised": "node_timex_sync_status",
}
# ours: theirs, less theirs
LESS = {
    "memory_used_bytes": ("node_memory_MemTotal_bytes", "node_memory_MemAvailable_bytes"),
    "swap_used_bytes": ("node_memory_SwapTotal_bytes", "node_memory_SwapFree_bytes"),
    "filesystem_used_bytes": ("node_filesystem_size_bytes", "node_filesystem_avail_bytes"),
    "filesystem_inodes_used": ("node_filesystem_files", "node_filesystem_files_free"),
}
PRESSURE = {
    ("some", "cpu"): "node_pressure_cpu_waiting_seconds_total",
    ("some", "io"): "node_pressure_io_waiting_seconds_total",
    ("full", "io"): "node_pressure_io_stalled_seconds_total",
    ("some", "memory"): "node_pressure_memory_waiting_seconds_total",
    ("full", "memory"): "node_pressure_memory_stalled_seconds_total",
}

Key = tuple[str, str]  # a name and the one label's value that tells its things apart


@pytest.fixture(scope="module")
def theirs():
    if not PROGRAM:
        pytest.skip("prometheus-node-exporter is not installed (.ci/run installs it; SERENO_NODE_EXPORTER names one)")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    process = subprocess.Popen(
        [PROGRAM, f"--web.listen-address={address}", "--collector.processes"], stderr=subprocess.DEVNULL
    )

    # One connection that stays: its two ends are sockets that both count.
    connection = http.client.HTTPConnection(address, timeout=10)

    def read() -> dict[Key, float]:
        connection.request("GET", "/metrics")
        return parse(connection.getresponse().read().decode())

    try:
        for _ in range(100):
            try:
                read()
                break
            except OSError:
                connection.close()
                time.sleep(0.1)
        yield read
    finally:
        connection.close()
        process.terminate()
        process.wait(10)


def parse(text: str) -> dict[Key, float]:
    """Their figures by name and label; those of the cores added up, those of no single thing left out."""
    found: dict[Key, float] = {}
    for name, labels, value in LINE.findall(text):
        given = dict(LABEL.findall(labels))
        which = (
            given.get("mountpoint") or given.get("mode")
            if "filesystem" in name or "cpu" in name
            else given.get("device")
        )
        found[name, which or ""] = found.get((name, which or ""), 0.0) + float(value)
    return found


def as_ours(theirs: dict[Key, float]) -> dict[Key, float]:
    """Their figures under our names."""
    found = {(ours, which): value for ours, name in SAME.items() for (n, which), value in theirs.items() if n == name}
    for ours, (whole, part) in LESS.items():
        for (name, which), value in theirs.items():
            if name == whole and (part, which) in theirs:
                found[ours, which] = value - theirs[part, which]
    for (kind, resource), name in PRESSURE.items():
        if (name, "") in theirs:
            found["pressure_stalled_seconds", f"{kind} {resource}"] = theirs[name, ""]
    return found


def agree(value: float, before: float, after: float) -> bool:
    slack = max(SHARE * abs(value), UNIT)
    return min(before, after) - slack <= value <= max(before, after) + slack


def read_ours(made: list[collectors.Collector]) -> dict[Key, float]:
    reading = Reading()
    for collector in made:
        collector.collect(reading)
    return {(sample.name, " ".join(value for _, value in sample.labels)): sample.value for sample in reading.samples}


@pytest.mark.slow
def test_every_shared_figure_is_that_of_node_exporter(tmp_path, theirs):
    surroundings = Surroundings(Policy, Folders(tmp_path), lambda: time.time_ns() // 1_000_000, time.monotonic)
    made = [collectors.make(name, module, surroundings) for name, module in collectors.names().items()]
    # Of those that ask programs, only the clock has something to compare.
    made = [collector for collector in made if not collector.apart or collector.name == "clock"]
    agreed: dict[Key, bool] = {}
    seen: dict[Key, tuple[float, float, float]] = {}
    for _ in range(TRIES):
        started = time.monotonic()
        before = read_ours(made)
        scraped = as_ours(theirs())
        after = read_ours(made)
        if time.monotonic() - started > WITHIN_S:
            continue
        for key in before.keys() & scraped.keys() & after.keys():
            seen[key] = before[key], scraped[key], after[key]
            agreed[key] = agreed.get(key, False) or agree(scraped[key], before[key], after[key])
        if len(agreed) > len(SAME) // 2 and all(agreed.values()):
            break
    assert len({name for name, _ in agreed}) > 60, f"only {sorted(agreed)} could be compared"
    assert {key: seen[key] for key, fine in agreed.items() if not fine} == {}
