"""Sockets and the network stack: how many are in use, lost and repeated segments, connection tracking."""

from collections.abc import Iterator
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
    ("Tcp", "CurrEstab", "tcp_connections_established"),
)
_ESTABLISHED: Final = "tcp_connections_established"  # the one level among the counts


class Columns:
    """Finds the wanted columns of /proc/net/snmp and netstat once: of some three hundred seventeen matter."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[str, list[tuple[int, str]]] = {}  # a line of names -> places and series

    def read(self, text: str) -> Iterator[tuple[str, int]]:
        """Series and value. Each protocol has a line of names and one of values."""
        lines = text.splitlines()
        for names, values in zip(lines[::2], lines[1::2], strict=False):
            wanted = self._known.get(names)
            if wanted is None:
                wanted = self._known[names] = self._look(names.split())
            if wanted:
                words = values.split()
                for place, name in wanted:
                    yield name, int(words[place])

    @staticmethod
    def _look(names: list[str]) -> list[tuple[int, str]]:
        protocol = names[0].rstrip(":")
        return [(names.index(key), name) for of, key, name in _COUNTS if of == protocol and key in names]


def make(surroundings: Surroundings) -> Collect:
    host = surroundings.host
    columns = Columns()

    def collect(reading: Reading) -> None:
        stat = procfs.sockstat(host.read("/proc/net/sockstat") or "")
        for protocol, key, name in _LEVELS:
            if (value := stat.get(protocol, {}).get(key)) is not None:
                reading.gauge(name, value)
        for file in ("snmp", "netstat"):
            for name, value in columns.read(host.read(f"/proc/net/{file}") or ""):
                if name == _ESTABLISHED:
                    reading.gauge(name, value)
                else:
                    reading.counter(name, value)
        entries = host.integer("/proc/sys/net/netfilter/nf_conntrack_count")
        limit = host.integer("/proc/sys/net/netfilter/nf_conntrack_max")
        if entries is not None and limit:
            reading.gauge("conntrack_used", entries)
            reading.gauge("conntrack_limit", limit)

    return collect
