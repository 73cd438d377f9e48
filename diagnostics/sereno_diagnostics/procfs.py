"""Reads the texts that Linux gives in /proc. Pure: text in, figures out; lines that mean nothing are passed over."""

from collections.abc import Iterator
from typing import Final

TCP_STATES: Final = {
    "01": "established", "02": "syn_sent", "03": "syn_received", "04": "fin_wait_1", "05": "fin_wait_2",
    "06": "time_wait", "07": "close", "08": "close_wait", "09": "last_ack", "0A": "listen", "0B": "closing",
    "0C": "new_syn_received",
}  # fmt: skip


def table(text: str) -> dict[str, int]:
    """`name value` or `Name:  value kB` lines, as /proc/vmstat and /proc/meminfo have them; kB become bytes."""
    found = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 2 and words[1].isdigit():  # noqa: PLR2004, name and value
            found[words[0].rstrip(":")] = int(words[1]) * (1024 if words[-1] == "kB" else 1)
    return found


def pressure(text: str) -> dict[str, dict[str, float]]:
    """/proc/pressure/*: {"some": {"avg10": percent, "avg60": …, "avg300": …, "total": microseconds}, "full": …}."""
    found: dict[str, dict[str, float]] = {}
    for line in text.splitlines():
        kind, *pairs = line.split()
        figures = (pair.partition("=") for pair in pairs)
        found[kind] = {key: float(value) for key, _, value in figures if value.replace(".", "", 1).isdigit()}
    return found


def sockstat(text: str) -> dict[str, dict[str, int]]:
    """/proc/net/sockstat: {"TCP": {"inuse": …, "orphan": …, "tw": …}, "sockets": {"used": …}, …}."""
    found: dict[str, dict[str, int]] = {}
    for line in text.splitlines():
        protocol, _, rest = line.partition(":")
        words = rest.split()
        found[protocol] = {
            key: int(value) for key, value in zip(words[::2], words[1::2], strict=False) if value.isdigit()
        }
    return found


def sockets(text: str) -> Iterator[tuple[int, str]]:
    """/proc/net/tcp, tcp6, udp, udp6: local port and state (two hex digits) of each socket."""
    for line in text.splitlines()[1:]:
        words = line.split(None, 4)
        if len(words) >= 4:  # noqa: PLR2004, the state is the fourth word
            yield int(words[1].rpartition(":")[2], 16), words[3]


def process(text: str) -> tuple[str, str, int, int, int, int] | None:
    """/proc/PID/stat: name, state, parent, ticks of processor time, threads, resident pages; None when it is torn."""
    name = text[text.find("(") + 1 : text.rfind(")")]
    words = text[text.rfind(")") + 2 :].split()
    if len(words) < 22:  # noqa: PLR2004, resident pages are the 24th field, two stand before
        return None
    return name, words[0], int(words[1]), int(words[11]) + int(words[12]), int(words[17]), int(words[21])
