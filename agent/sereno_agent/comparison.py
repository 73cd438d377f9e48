"""Turns the state of something (packages, users, mounts, ...) into changes and inventory: what is now against what was.

A collector gives `read() -> State | None`; its objects are named `KIND NAME` ("package openssl", "user deploy"). One
reading that differs in many objects of a kind is one change with the list in its diff. Nothing is told at first start.
"""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from sereno_agent.difference import bounded, counted, difference
from sereno_agent.reading import Reading, Surroundings, plain
from sereno_agent.redact import Redact, redactor
from sereno_agent.snapshots import Item, Items, Snapshots
from sereno_proto.ids import sha256
from sereno_proto.limits import STATE_OBJECTS_MAX, STATE_TEXT_CHARS_MAX
from sereno_proto.v1.link_pb2 import Change

TOGETHER_FROM: Final = 6  # so many differing objects of one kind become one change
_SHORT_CHARS_MAX: Final = 120  # before and after fit into the summary up to here
_NAMED_MAX: Final = 3
_NOTHING: Final = Item("")


class State(NamedTuple):
    """What a reader found. values: "KIND NAME" -> text of one or more lines. facts: what the inventory keeps of it."""

    values: Mapping[str, str]
    facts: Mapping[str, str] | None = None
    modified_ms: int = 0
    who: str = ""


Read = Callable[[], State | None]  # None: as before, or not settled yet


class Comparison:
    """Compares one collector's state with what was told last, over restarts."""

    def __init__(
        self, name: str, read: Read, surroundings: Surroundings, *, together: frozenset[str] = frozenset()
    ) -> None:
        self._name = name
        self._read = read
        self._surroundings = surroundings
        self._together = together  # kinds whose differences are always one change
        self._snapshots = Snapshots(surroundings.folders.snapshots)
        self._unsaved: Items | None = None  # what was told and the disk did not take
        self._told = ""  # digest of the state in the snapshot, as far as this process knows
        self._facts = ""
        self._patterns: tuple[str, ...] | None = None
        self._redact: Redact = redactor(())

    def collect(self, reading: Reading) -> None:
        """Reads, and adds what differs to the reading."""
        patterns = self._surroundings.policy().redact
        if patterns != self._patterns:
            self._patterns, self._redact = patterns, redactor(patterns)
            self._told = self._facts = ""
        state = self._read()
        if state is None:
            return
        if len(state.values) > STATE_OBJECTS_MAX:
            reading.notice("E_LIMIT", f"{self._name}: {len(state.values)} objects, only {STATE_OBJECTS_MAX} compared")
        values = {plain(key): plain(state.values[key])[:STATE_TEXT_CHARS_MAX] for key in _first(state.values)}
        digest = sha256("\0".join(f"{key}\0{value}" for key, value in values.items()).encode())
        if digest != self._told:
            self._compare(reading, state, self._snapshots.redacted(values, self._redact), digest)
        if state.facts is not None:
            self._tell_facts(reading, state.facts)

    def _compare(self, reading: Reading, state: State, now: Items, digest: str) -> None:
        before = self._unsaved or self._snapshots.load(self._name)
        if before is not None:
            moved = [key for key in {**before, **now} if not self._same(before.get(key), now.get(key))]
            now_ms = self._surroundings.now_ms()
            for change in changes(sorted(moved), before, now, self._together, self._redact):
                change.time_ms, change.modified_ms = now_ms, state.modified_ms
                change.who = plain(self._redact(state.who))
                reading.changes.append(change)

        def kept() -> None:
            # Only now is it told: what was lost on its way to the spool is found again.
            self._told, self._unsaved = digest, now
            self._snapshots.save(self._name, now)
            self._unsaved = None

        reading.kept.append(kept)

    def _same(self, before: Item | None, now: Item | None) -> bool:
        if before is None or now is None:
            return before is now
        # The policy may take out more than it did when the snapshot was made.
        texts_equal = before.text == now.text or self._redact(before.text) == now.text
        return texts_equal and (before.mark == now.mark or not (before.mark and now.mark))

    def _tell_facts(self, reading: Reading, facts: Mapping[str, str]) -> None:
        told = {plain(key): item.text for key, item in self._snapshots.redacted(facts, self._redact).items()}
        digest = sha256(repr(sorted(told.items())).encode())
        if digest != self._facts:
            reading.facts = told
            self._facts = digest


def _first(values: Mapping[str, str]) -> list[str]:
    return sorted(values)[:STATE_OBJECTS_MAX]


def changes(moved: list[str], before: Items, now: Items, together: frozenset[str], redact: Redact) -> list[Change]:
    """The changes of the objects that moved: one each, or one of a kind where they are many."""
    by_kind: dict[str, list[str]] = {}
    for key in moved:
        by_kind.setdefault(key.partition(" ")[0], []).append(key)
    made: list[Change] = []
    for kind, keys in by_kind.items():
        if len(keys) > 1 and (kind in together or len(keys) >= TOGETHER_FROM):
            made.append(_one_of_many(kind, keys, before, now))
        else:
            made += [_one(kind, key, before.get(key), now.get(key), redact) for key in keys]
    return made


def _one(kind: str, key: str, before: Item | None, now: Item | None, redact: Redact) -> Change:
    name = key.partition(" ")[2]
    change = Change(kind=kind, object=name, before_digest=_digest(before), after_digest=_digest(now))
    old, new = (before or _NOTHING).text, (now or _NOTHING).text
    if "\n" in old or "\n" in new:
        change.diff, note = difference(name, old.encode(), new.encode(), redact)
    else:
        change.diff = bounded([*(f"-{line}" for line in old.splitlines()), *(f"+{line}" for line in new.splitlines())])
        note = f"{old} to {new}" if len(old) + len(new) <= _SHORT_CHARS_MAX else counted(change.diff.splitlines())
    change.summary = f"{kind} {name} {_happened(before, now, note)}"
    return change


def _happened(before: Item | None, now: Item | None, note: str) -> str:
    if before is None and now is not None:
        told = 0 < len(now.text) <= _SHORT_CHARS_MAX and "\n" not in now.text
        return f"appeared: {now.text}" if told else "appeared"
    if before is None or now is None:
        return "was removed"
    return "changed: only secrets differ" if before.text == now.text else f"changed: {note}"


def _one_of_many(kind: str, keys: list[str], before: Items, now: Items) -> Change:
    lines = []
    for key in keys:
        name = key.partition(" ")[2]
        for sign, item in (("-", before.get(key)), ("+", now.get(key))):
            if item is not None:
                first, _, rest = item.text.partition("\n")
                lines.append(f"{sign}{name} {first}{' …' if rest else ''}".rstrip())
    added = sum(key not in before for key in keys)
    removed = sum(key not in now for key in keys)
    parts = ((len(keys) - added - removed, "changed"), (added, "new"), (removed, "gone"))
    figures = ", ".join(f"{n} {word}" for n, word in parts if n)
    named = ", ".join(key.partition(" ")[2] for key in keys[:_NAMED_MAX]) + (", …" if len(keys) > _NAMED_MAX else "")
    return Change(
        kind=kind,
        object=f"{len(keys)} {plural(kind)}",
        summary=f"{len(keys)} {plural(kind)}: {figures} ({named})",
        diff=bounded(lines),
        before_digest=_digest(Item("\n".join(before.get(key, _NOTHING).text for key in keys))),
        after_digest=_digest(Item("\n".join(now.get(key, _NOTHING).text for key in keys))),
    )


def plural(kind: str) -> str:
    """The kind's name for many."""
    return {"address": "addresses", "certificate": "certificates"}.get(kind, f"{kind}s")


def _digest(item: Item | None) -> str:
    return sha256(f"{item.text}\0{item.mark}".encode()) if item else ""
