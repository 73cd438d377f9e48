"""The largest packet that reaches a host whole: a path that silently drops larger ones hangs big answers."""

from sereno_diagnostics import ping
from sereno_diagnostics.findings import FINE, NOTE, SERIOUS, finding, untold
from sereno_diagnostics.parameters import Parameter, Values
from sereno_diagnostics.reading import Reader
from sereno_proto.v1.runs_pb2 import Finding

TITLE = "Path MTU"
PARAMETERS = (Parameter("host", "host", "the host at the path's end"),)
READS = ("ping_size",)
TIMEOUT_S = 40.0
SEVERITIES = {"serious": "less than 1280 bytes pass", "note": "less than 1500 pass"}
FIGURES = {"mtu_bytes": "the largest of the sizes tried that passed; missing when none did"}
HEADERS_BYTES = 28  # IPv4 and ICMP
SIZES = (1500, 1492, 1480, 1420, 1400, 1280, 576)
_SMALLEST = 1280


def check(values: Values, reader: Reader) -> list[Finding]:
    """One finding. Sizes: Ethernet, PPPoE, IPv6 in IPv4, WireGuard, IPsec, IPv6's least, IPv4's least."""
    host = reader.allowed.host(str(values["host"]))
    for size in SIZES:
        told = ping.parse(reader.told("ping_size", bytes=str(size - HEADERS_BYTES), host=host.host) or "")
        if told is None:
            return untold(f"The path to {host.name}", "there is no ping here, or the host has no address")
        if not told.lost_percent:
            whole = size >= SIZES[0]
            return [
                finding(
                    FINE if whole else NOTE if size >= _SMALLEST else SERIOUS,
                    f"{size} bytes reach {host.name} whole",
                    advice="" if whole else "Lower the interface's MTU or clamp TCP's segment size to that.",
                    figures={"mtu_bytes": size},
                )
            ]
    return untold(f"The path to {host.name}", "it answers no echo requests of any size")
