"""The device's facts: sent whole once, then as differences, and whole again when the server has others.

What the server was told is a file, not memory. Each message names the digest of all facts after it; the server gives
the last one back in its welcome, and one that is not ours means that it needs everything.
"""

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Final

from sereno_agent.snapshots import write_atomically
from sereno_proto.ids import sha256
from sereno_proto.limits import FACT_KEY_CHARS_MAX, FACT_VALUE_CHARS_MAX, INVENTORY_FACTS_MAX
from sereno_proto.v1.link_pb2 import Inventory as Message

MESSAGE_FACTS_BYTES_MAX: Final = 256 * 1024

Facts = dict[str, str]
Send = Callable[[Message], object]


class Inventory:
    """The file of facts by collector, and what must be sent of it."""

    def __init__(self, path: Path, send: Send) -> None:
        self._path = path
        self._send = send
        self._unsaved: dict[str, Facts] | None = None  # what was told and the disk did not take
        self._digest: str | None = None  # of what was told, once it is known

    def update(self, collector: str, facts: Mapping[str, str]) -> None:
        """Takes all facts of one collector; tells what differs."""
        self._change({collector: {key: value for key, value in facts.items() if value}})

    def keep_only(self, collectors: Collection[str]) -> None:
        """Takes back the facts of collectors that no longer run."""
        gone = self._load().keys() - set(collectors)
        if gone:
            self._change({name: {} for name in gone})

    def welcomed(self, digest: str) -> None:
        """Tells everything when the server's facts are not those that it was told."""
        told = merged(self._load())
        if told and digest != self._digest_of(told):
            self._tell(told, told, whole=True)

    def _change(self, given: Mapping[str, Facts]) -> None:
        by_collector = self._load()
        before = merged(by_collector)
        now_by_collector = {name: facts for name, facts in {**by_collector, **given}.items() if facts}
        if now_by_collector == by_collector:
            return
        now = merged(now_by_collector)
        differing = {key: now.get(key, "") for key in before.keys() | now.keys() if before.get(key) != now.get(key)}
        if differing:
            self._tell(differing, now, whole=not before)
        self._digest, self._unsaved = None, now_by_collector
        write_atomically(self._path, json.dumps(now_by_collector, separators=(",", ":")).encode())
        self._unsaved = None

    def _tell(self, facts: Facts, now: Facts, *, whole: bool) -> None:
        parts = list(_parts(facts))
        for number, part in enumerate(parts):
            last = number == len(parts) - 1
            self._send(Message(whole=whole and number == 0, facts=part, digest=sha256(_canonical(now)) if last else ""))

    def _digest_of(self, facts: Facts) -> str:
        if self._digest is None:
            self._digest = sha256(_canonical(facts))
        return self._digest

    def _load(self) -> dict[str, Facts]:
        if self._unsaved is not None:
            return self._unsaved
        try:
            read = json.loads(self._path.read_bytes())
            return {str(name): {str(key): str(value) for key, value in facts.items()} for name, facts in read.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            return {}


def merged(by_collector: Mapping[str, Mapping[str, str]]) -> Facts:
    """All facts, each within its bounds; those beyond the bound of their number are left out."""
    facts: Facts = {}
    for name in sorted(by_collector):
        for key in sorted(by_collector[name])[: INVENTORY_FACTS_MAX - len(facts)]:
            facts[key[:FACT_KEY_CHARS_MAX]] = by_collector[name][key][:FACT_VALUE_CHARS_MAX]
    return facts


def _canonical(facts: Facts) -> bytes:
    return "".join(f"{key}\0{facts[key]}\0" for key in sorted(facts)).encode()


def _parts(facts: Facts) -> Iterator[Facts]:
    part: Facts = {}
    size = 0
    for key, value in sorted(facts.items()):
        size += len(key.encode()) + len(value.encode()) + 16
        if size > MESSAGE_FACTS_BYTES_MAX and part:
            yield part
            part, size = {}, len(key) + len(value) + 16
        part[key] = value
    if part:
        yield part
