"""Sockets and the network stack: how many are in use, lost and repeated segments, connection tracking."""

from typing import Final

from sereno_agent.reading import Collect, Reading, Surroundings
from sereno_diagnostics import procfs

_LEVELS: Final = (
    ("sockets", "used", "sockets_used"),
    ("TCP", "inuse", "tcp_sockets_in_use"),
    ("TCP", "orphan", "tcp_sockets_orphaned"),
    ("TCP", "tw", "tcp_sockets_time_wait"),
    ("TCP", "alloc", "tcp_sockets_allocated"),
    ("UDP", "inuse", "udp_sockets_in_use"),
)
_COUNTS: Final = (
    ("Tcp", "ActiveOpens", "tcp_connections_opened"),
    ("Tcp", "PassiveOpens", "tcp_connections_accepted"),
    ("Tcp", "AttemptFails", "tcp_connections_failed"),
    ("Tcp", "EstabResets", "tcp_connections_reset"),
    ("Tcp", "InSegs", "tcp_segments_received"),
    ("Tcp", "OutSegs", "tcp_segments_sent"),
    ("Tcp", "RetransSegs", "tcp_segments_retransmitted"),
    ("Tcp", "InErrs", "tcp_segments_bad"),
    ("Udp", "InDatagrams", "udp_datagrams_received"),
    ("Udp", "OutDatagrams", "udp_datagrams_sent"),
    ("Udp", "NoPorts", "udp_datagrams_unwanted"),
    ("Udp", "RcvbufErrors", "udp_receive_buffer_errors"),
    ("Udp", "SndbufErrors", "udp_send_buffer_errors"),
    ("Ip", "InDiscards", "ip_packets_discarded"),
    ("TcpExt", "ListenDrops", "tcp_listen_drops"),
    ("TcpExt", "ListenOverflows", "tcp_listen_overflows"),
)


def make(surroundings: Surroundings) -> Collect:
    host = surroundings.host

    def collect(reading: Reading) -> None:
        stat = procfs.sockstat(host.read("/proc/net/sockstat") or "")
        for protocol, key, name in _LEVELS:
            if (value := stat.get(protocol, {}).get(key)) is not None:
                reading.gauge(name, value)
        snmp = procfs.paired(host.read("/proc/net/snmp") or "") | procfs.paired(host.read("/proc/net/netstat") or "")
        for protocol, key, name in _COUNTS:
            if (value := snmp.get(protocol, {}).get(key)) is not None:
                reading.counter(name, value)
        established = snmp.get("Tcp", {}).get("CurrEstab")
        if established is not None:
            reading.gauge("tcp_connections_established", established)
        entries = host.integer("/proc/sys/net/netfilter/nf_conntrack_count")
        limit = host.integer("/proc/sys/net/netfilter/nf_conntrack_max")
        if entries is not None and limit:
            reading.gauge("conntrack_used", entries)
            reading.gauge("conntrack_limit", limit)

    return collect
