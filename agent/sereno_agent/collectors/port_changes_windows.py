"""Ports that something listens on in Windows, at which address and by which program (`netstat -ano`, `tasklist`)."""

import csv
from collections.abc import Iterator
from typing import Final

from sereno_agent.comparison import Comparison, State
from sereno_agent.flapping import Flapping
from sereno_agent.reading import Collect, Surroundings

INTERVAL_MS: Final = 60_000
DEADLINE_S: Final = 40.0
APART: Final = True
_EPHEMERAL: Final = 49152  # from here up Windows gives ports out by itself: RPC, which moves at every start
_EVERYWHERE: Final = {"0.0.0.0", "[::]"}  # noqa: S104, what netstat prints
_FIELDS: Final = 5  # of a TCP line: protocol, local, remote, state, process


def make(surroundings: Surroundings) -> Collect:
    flapping = Flapping(surroundings.monotonic)
    host = surroundings.host

    def read() -> State | None:
        listed = host.ask("netstat", "-ano", codes=(0,))
        if listed is None:
            return None
        named = programs(host.ask("tasklist", "/NH", "/FO", "CSV", codes=(0,)) or "")
        found: dict[str, tuple[set[str], set[str]]] = {}
        for port, address, process in listening(listed):
            addresses, owners = found.setdefault(port, (set(), set()))
            addresses.add(address)
            owners.add(named.get(process, ""))
        texts = {
            port: ", ".join([*sorted(addresses), *sorted(owners - {""})]) for port, (addresses, owners) in found.items()
        }
        texts = flapping.calmed(texts)
        values = {f"port {port}": text for port, text in texts.items()}
        return State(values, {f"port.{port}": text for port, text in texts.items()})

    return Comparison("port_changes", read, surroundings).collect


def listening(text: str) -> Iterator[tuple[str, str, str]]:
    """`tcp/445`, address and process id of each line that listens; UDP has no state, its lower ports count.

    What listens has the remote end `:0`: the state's name is translated.
    """
    for line in text.splitlines():
        words = line.split()
        if not words or words[0] not in {"TCP", "UDP"} or len(words) < _FIELDS - 1:
            continue
        address, _, port = words[1].rpartition(":")
        listens = words[0] == "UDP" or (len(words) == _FIELDS and words[2].endswith(":0"))
        if listens and port.isdigit() and int(port) < _EPHEMERAL:
            where = "every address" if address in _EVERYWHERE else address.strip("[]").partition("%")[0]
            yield f"{words[0].lower()}/{port}", where, words[-1]


def programs(text: str) -> dict[str, str]:
    """Process id -> name, of `tasklist /NH /FO CSV`."""
    return {row[1]: row[0] for row in csv.reader(text.splitlines()) if len(row) > 1}
