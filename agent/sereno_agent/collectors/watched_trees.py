"""Changes of every file below the policy's trees: which appeared, went or changed, with a diff where it was short text.

A file is read only when its inode, size or time moved. Links, pipes and devices are never opened, other file systems
not entered. A sweep that differs in many files (a deployment) is one change with the list. Nothing at first start.
"""

import json
import os
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Final, NamedTuple

from sereno_agent.collectors.watched_files import Identity, Seen, look
from sereno_agent.difference import bounded, difference
from sereno_agent.policy import WatchedTree
from sereno_agent.reading import Collect, Reading, Surroundings, plain
from sereno_agent.redact import Redact, redactor
from sereno_agent.snapshots import write_atomically
from sereno_agent.versions import ABSENT
from sereno_proto.limits import TREE_DEPTH_MAX, TREE_ENTRIES_MAX, TREE_KEPT_BYTES_MAX
from sereno_proto.v1.link_pb2 import Change

DEADLINE_S: Final = 30.0
APART: Final = True
TOGETHER_FROM: Final = 12
KEPT_FILE_BYTES_MAX: Final = 64 * 1024
_NAMED_MAX: Final = 3


class Row(NamedTuple):
    """A file as it was told. kept: the bytes of its content that are kept beside the index, 0 for none."""

    identity: Identity
    digest: str
    kept: int = 0


class Difference(NamedTuple):
    """A file that is not as it was told."""

    path: str
    before: Row | None
    seen: Seen


def make(surroundings: Surroundings) -> Collect:
    trees: dict[str, Tree] = {}

    def collect(reading: Reading) -> None:
        policy = surroundings.policy()
        for name in trees.keys() - policy.trees.keys():
            del trees[name]
        redact = redactor(policy.redact)
        until = surroundings.monotonic() + DEADLINE_S * 0.8
        for name, watched in policy.trees.items():
            if name not in trees or trees[name].watched != watched:
                trees[name] = Tree(watched, surroundings)
            trees[name].sweep(reading, redact, until)

    return collect


class Tree:
    """One tree: an index of what was told, and the short texts for the next diff."""

    def __init__(self, watched: WatchedTree, surroundings: Surroundings) -> None:
        self.watched = watched
        self._surroundings = surroundings
        self._folder = surroundings.folders.snapshots / f"tree-{watched.name}"
        self._rows: dict[str, Row] = {}
        self._complete = False  # whether one sweep reached the end: before, what is new is not new
        self._load()

    def sweep(self, reading: Reading, redact: Redact, until: float) -> None:
        """Looks at every file, and adds what differs to the reading."""
        found: list[Difference] = []
        there: set[str] = set()
        whole = True
        for path in self._paths(reading):
            there.add(path)
            before = self._rows.get(path)
            try:
                seen = look(Path(path), before.identity if before else None, self._surroundings.now_ms())
            except OSError as error:
                reading.notice("E_COLLECTOR", f"tree {self.watched.name}: {path}: {error.strerror or error}")
                continue
            if seen is not None and seen.version.digest != ABSENT:
                found.append(Difference(path, before, seen))
            if self._surroundings.monotonic() > until:
                whole = False
                reading.notice("E_LIMIT", f"tree {self.watched.name} takes several sweeps: it is large")
                break
        gone = [path for path in self._rows if path not in there] if whole else []
        if not found and not gone and self._complete >= whole:
            return
        moved = [each for each in found if _differs(each)]
        if self._complete:
            reading.changes += self._changes(moved, gone, redact)
        reading.kept.append(lambda: self._keep(found, gone, whole=whole))

    def _paths(self, reading: Reading) -> Iterator[str]:
        """The tree's files, links and other entries; bounded."""
        for count, path in enumerate(self._walk(reading), 1):
            if count > TREE_ENTRIES_MAX:
                reading.notice("E_LIMIT", f"tree {self.watched.name} has more than {TREE_ENTRIES_MAX} files")
                return
            yield path

    def _walk(self, reading: Reading) -> Iterator[str]:
        top = str(self.watched.path)
        if not os.path.lexists(top):
            return
        device = os.stat(top).st_dev  # noqa: PTH116
        waiting = [(top, 0)]
        while waiting:
            folder, depth = waiting.pop()
            try:
                with os.scandir(folder) as listing:
                    entries = sorted(listing, key=lambda entry: entry.name)
            except OSError as error:
                reading.notice("E_COLLECTOR", f"tree {self.watched.name}: {folder}: {error.strerror or error}")
                continue
            for entry in entries:
                if self._left_out(entry):
                    continue
                if not entry.is_dir(follow_symlinks=False):
                    yield entry.path
                elif depth < TREE_DEPTH_MAX and entry.stat(follow_symlinks=False).st_dev == device:
                    waiting.append((entry.path, depth + 1))

    def _left_out(self, entry: os.DirEntry[str]) -> bool:
        if _any(entry.name, self.watched.exclude):
            return True
        wanted = self.watched.include
        return bool(wanted) and not entry.is_dir(follow_symlinks=False) and not _any(entry.name, wanted)

    def _changes(self, moved: list[Difference], gone: list[str], redact: Redact) -> list[Change]:
        if len(moved) + len(gone) >= TOGETHER_FROM:
            return [self._one_of_many(moved, gone)]
        changes = [self._change(each, redact) for each in moved]
        return changes + [self._gone(path) for path in gone]

    def _change(self, each: Difference, redact: Redact) -> Change:
        change = self._blank(each.path)
        change.modified_ms = each.seen.version.modified_ms
        change.before_digest, change.after_digest = each.before.digest if each.before else "", each.seen.version.digest
        old = b"" if each.before is None else self._content(each.before)
        change.diff, note = difference(plain(each.path), old, each.seen.content, redact)
        happened = "appeared" if each.before is None else "changed"
        change.summary = f"{plain(self._short(each.path))} {happened}: {each.seen.note or note}"
        return change

    def _gone(self, path: str) -> Change:
        change = self._blank(path)
        change.before_digest = self._rows[path].digest
        change.summary = f"{plain(self._short(path))} was removed"
        return change

    def _one_of_many(self, moved: list[Difference], gone: list[str]) -> Change:
        change = self._blank(str(self.watched.path))
        lines = [f"{'+' if each.before is None else '~'}{self._short(each.path)}" for each in moved]
        lines = sorted([*lines, *(f"-{self._short(path)}" for path in gone)], key=lambda line: line[1:])
        new = sum(each.before is None for each in moved)
        parts = ((len(moved) - new, "changed"), (new, "new"), (len(gone), "gone"))
        figures = ", ".join(f"{n} {word}" for n, word in parts if n)
        named = ", ".join(line[1:] for line in lines[:_NAMED_MAX])
        change.summary = plain(f"{len(lines)} files in {self.watched.name}: {figures} ({named}, …)")
        change.diff = plain(bounded([line.replace("~", " ", 1) if line[0] == "~" else line for line in lines]))
        change.modified_ms = max((each.seen.version.modified_ms for each in moved), default=0)
        return change

    def _blank(self, path: str) -> Change:
        return Change(kind="tree", object=plain(path), name=self.watched.name, time_ms=self._surroundings.now_ms())

    def _short(self, path: str) -> str:
        return os.path.relpath(path, self.watched.path.parent)

    def _content(self, row: Row) -> bytes | None:
        if not row.kept:
            return None
        try:
            return self._blob(row.digest).read_bytes()
        except OSError:
            return None

    def _blob(self, digest: str) -> Path:
        return self._folder / digest.replace(":", "-", 1)

    def _keep(self, found: list[Difference], gone: list[str], *, whole: bool) -> None:
        """Remembers what was told. Called once it is in the spool."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        room = TREE_KEPT_BYTES_MAX - sum(row.kept for row in self._rows.values())
        for path in gone:
            room += self._rows.pop(path).kept
        for each in found:
            content, digest = each.seen.content, each.seen.version.digest
            room += each.before.kept if each.before else 0
            size = len(content) if content and len(content) <= KEPT_FILE_BYTES_MAX and b"\0" not in content else 0
            if 0 < size <= room and digest:
                if not self._blob(digest).exists():
                    write_atomically(self._blob(digest), content or b"")
                room -= size
            else:
                size = 0
            self._rows[each.path] = Row(each.seen.identity, digest, size)
        self._complete = self._complete or whole
        index = {"complete": self._complete, "rows": self._rows}
        write_atomically(self._folder / "index.json", json.dumps(index, separators=(",", ":")).encode())
        used = {self._blob(row.digest).name for row in self._rows.values() if row.kept} | {"index.json"}
        for name in set(os.listdir(self._folder)) - used:  # noqa: PTH208
            (self._folder / name).unlink(missing_ok=True)

    def _load(self) -> None:
        try:
            read = json.loads((self._folder / "index.json").read_bytes())
            self._rows = {
                path: Row((row[0][0], row[0][1], row[0][2], row[0][3]), row[1], row[2])
                for path, row in read["rows"].items()
            }
            self._complete = bool(read["complete"])
        except (OSError, ValueError, TypeError, KeyError, IndexError, AttributeError):
            self._rows, self._complete = {}, False


def _differs(each: Difference) -> bool:
    """Whether the content differs: a file that was only touched is none."""
    if each.before is None or not each.seen.version.digest or not each.before.digest:
        return each.before is None or each.before.identity[:3] != each.seen.identity[:3]
    return each.before.digest != each.seen.version.digest


def _any(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch(name, pattern) for pattern in patterns)
