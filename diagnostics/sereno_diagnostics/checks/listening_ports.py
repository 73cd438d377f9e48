"""What listens for connections, on which address, whose it is, and what began to lately."""

from sereno_diagnostics import listening
from sereno_diagnostics.findings import FINE, NOTE, ago, counted, finding, untold
from sereno_diagnostics.parameters import Parameter, Values
from sereno_diagnostics.procfs import HERTZ, processor
from sereno_diagnostics.reading import Reader
from sereno_proto.v1.runs_pb2 import Finding

TITLE = "Listening ports"
PARAMETERS = (Parameter("hours", "number", "how far back to look", default="24", minimum=1, maximum=2160),)
READS = (
    *("/proc/net/tcp", "/proc/net/tcp6", "/proc/net/udp", "/proc/net/udp6", "/proc/sys/net/ipv4/ip_local_port_range"),
    *("/proc/*/fd/*", "/proc/*/stat", "/proc/stat"),
)
TIMEOUT_S = 30.0
SEVERITIES = {"note": "a program that began in that time listens on every address"}
FIGURES = {
    "ports": "listening ports",
    "open_to_all": "of them on every address",
    "new": "whose program began in that time",
}


def check(values: Values, reader: Reader) -> list[Finding]:
    """One finding, a port a row; whose it is can be told of this user's own programs only, unless it is root."""
    texts = {name: reader.text(f"/proc/net/{name}") or "" for name in ("tcp", "tcp6", "udp", "udp6")}
    if not any(texts.values()):
        return untold("Listening ports", "the kernel does not tell them")
    limits = (reader.text("/proc/sys/net/ipv4/ip_local_port_range") or "").split() or ["32768"]
    ports = listening.parse(texts, int(limits[0]))
    owners = _owners(reader, {inode for found in ports.values() for inode in found.values()})
    started = processor(reader.text("/proc/stat") or "").get("btime", 0)
    now, since = reader.now_s(), float(values["hours"]) * 3600
    rows, new = [], 0
    for (protocol, port), found in sorted(ports.items(), key=lambda one: one[0][1]):
        names = {owners[inode] for inode in found.values() if inode in owners}
        ages = [now - started - ticks / HERTZ for _, ticks in names]
        lately = bool(ages) and min(ages) <= since and bool(started)
        to_all = listening.EVERY in found
        new += lately and to_all
        who = ", ".join(sorted({name for name, _ in names})) or "another user's"
        rows.append((f"{port}/{protocol}", f"{', '.join(sorted(found))}, {who}"
                     + (f", began {ago(min(ages))}" if lately else "")))  # fmt: skip
    to_all_count = sum(listening.EVERY in found for found in ports.values())
    return [
        finding(
            NOTE if new else FINE,
            f"{counted(len(ports), 'port')} listening, {to_all_count} on every address"
            + (f"; {new} of them new" if new else ""),
            evidence=rows,
            figures={"ports": len(ports), "open_to_all": to_all_count, "new": new},
        )
    ]


def _owners(reader: Reader, inodes: set[str]) -> dict[str, tuple[str, int]]:
    """Name and start (ticks) of who holds each socket."""
    wanted = {f"socket:[{inode}]": inode for inode in inodes}
    found: dict[str, tuple[str, int]] = {}
    for process in reader.processes():
        for number in reader.names(f"/proc/{process.pid}/fd"):
            inode = wanted.get(reader.target(f"/proc/{process.pid}/fd/{number}"))
            if inode is not None:
                found[inode] = process.name, process.started
    return found
