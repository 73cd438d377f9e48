"""What `ss --tcp --info --no-header --numeric` writes of open connections. Pure: text in, figures out."""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

_RATE: Final = re.compile(r"\bdelivery_rate (\d+)(?:\.\d+)?([KMG]?)bps")
_SCALE: Final = {"": 1, "K": 1_000, "M": 1_000_000, "G": 1_000_000_000}


class Connection(NamedTuple):
    """One open connection, as the kernel measures it."""

    port: int  # at the far end
    round_trip_ms: float
    rate_bits_per_s: float
    sent_bytes: int
    repeated_bytes: int


def parse(text: str) -> Iterator[Connection]:
    """Each connection: a line with its ends, and an indented one with its figures."""
    port = 0
    for line in text.splitlines():
        if line[:1].isspace() and port:
            rate = _RATE.search(line)
            yield Connection(
                port,
                float(_figure(line, r"\brtt:([\d.]+)") or 0),
                float(rate[1]) * _SCALE[rate[2]] if rate else 0.0,
                int(_figure(line, r"\bbytes_sent:(\d+)") or 0),
                int(_figure(line, r"\bbytes_retrans:(\d+)") or 0),
            )
            port = 0
        elif line.startswith("ESTAB"):
            far = line.split()[-1].rpartition(":")[2]
            port = int(far) if far.isdigit() else 0


def _figure(line: str, pattern: str) -> str:
    found = re.search(pattern, line)
    return found[1] if found else ""
