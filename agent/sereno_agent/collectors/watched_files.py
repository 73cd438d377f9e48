"""Changes of the policy's watched files: what was before, what is now, and the difference without its secrets.

A file is read only when its time, inode or size moved. A link, pipe or device is never opened; a huge or binary file is
sent by digest only. Earlier versions are kept, so that `restore_file` can put one back; what changed while the agent
was off is found at its next start.
"""

import hashlib
import os
import stat
from pathlib import Path
from typing import Final, NamedTuple

from sereno_agent.difference import difference
from sereno_agent.policy import Policy, WatchedFile
from sereno_agent.reading import Collect, Reading, Surroundings
from sereno_agent.redact import Redact, redactor
from sereno_agent.versions import ABSENT, Version, Versions
from sereno_proto.limits import WATCHED_FILE_BYTES_MAX
from sereno_proto.v1.link_pb2 import Change

DEADLINE_S: Final = 10.0
DIGEST_BYTES_MAX: Final = 64 << 20  # beyond this not even the digest is made
_CHUNK: Final = 1 << 20

Identity = tuple[int, int, int, int]  # inode, size, mtime_ns, ctime_ns


class Seen(NamedTuple):
    """What lies at a path now."""

    identity: Identity
    version: Version
    content: bytes | None  # None: not read whole
    note: str = ""  # why there is no content


def make(surroundings: Surroundings) -> Collect:
    watch = Watch(surroundings)
    return watch.collect


class Watch:
    """Remembers each file's identity between readings."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._surroundings = surroundings
        self._versions = Versions(surroundings.folders.versions)
        self._identities: dict[tuple[str, Path], Identity] = {}
        self._policy: Policy | None = None
        self._redact: Redact = redactor(())

    def collect(self, reading: Reading) -> None:
        policy = self._surroundings.policy()
        if policy is not self._policy:
            self._redact = redactor(policy.redact)
            self._policy = policy
            if not policy.error:
                gone = self._versions.names - policy.files.keys()
                if gone:
                    self._versions.forget(gone)
        for file in policy.files.values():
            self._look(reading, file)

    def _look(self, reading: Reading, file: WatchedFile) -> None:
        key = (file.name, file.path)
        before = self._identities.get(key)
        try:
            seen = look(file.path, before, self._surroundings.now_ms())
        except OSError as error:
            reading.notice("E_COLLECTOR", f"watched file {file.name}: {error.strerror or error}")
            return
        if seen is None:
            return
        last = self._versions.last(file.name)
        if last is None or last.digest != seen.version.digest or _unread_moved(last, seen.version):
            change = None if last is None else self._describe(file, last, seen)
            self._versions.add(file.name, seen.version, seen.content)
            if change is not None:
                reading.changes.append(change)
        self._identities[key] = seen.identity

    def _describe(self, file: WatchedFile, last: Version, seen: Seen) -> Change:
        now = seen.version
        change = Change(
            kind="file",
            object=str(file.path),
            name=file.name,
            time_ms=now.seen_ms,
            modified_ms=now.modified_ms,
            before_digest=last.digest if last.digest != ABSENT else "",
            after_digest=now.digest if now.digest != ABSENT else "",
        )
        if now.digest == ABSENT:
            change.summary = f"{file.name} was removed"
            return change
        verb = "appeared" if last.digest == ABSENT else "changed"
        before = b"" if last.digest == ABSENT else self._versions.content(last.digest) if last.kept else None
        change.diff, note = difference(file.name, before, seen.content, self._redact)
        change.summary = f"{file.name} {verb}: {seen.note or note}"
        return change


def _unread_moved(last: Version, now: Version) -> bool:
    # Where no digest could be made, size and time are all there is to tell versions apart.
    return not now.digest and (last.size, last.modified_ms) != (now.size, now.modified_ms)


def look(path: Path, before: Identity | None, now_ms: int) -> Seen | None:
    """What lies at the path; None when it is the same as before. Raises OSError when it cannot be read."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        nothing = (0, 0, 0, 0)
        return None if before == nothing else Seen(nothing, Version(ABSENT, 0, 0, now_ms, kept=False), None)
    if _identity(found) == before:
        return None
    if not stat.S_ISREG(found.st_mode):
        kind = "a link" if stat.S_ISLNK(found.st_mode) else "no regular file"
        return Seen(_identity(found), _version("", found, now_ms), None, f"now {kind}, not followed")
    # The path may have been swapped since: what was opened decides, and opening never waits.
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    try:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):
            return Seen(_identity(found), _version("", found, now_ms), None, "now no regular file, not read")
        return _read(fd, found, now_ms)
    finally:
        os.close(fd)


def _read(fd: int, found: os.stat_result, now_ms: int) -> Seen:
    if found.st_size > DIGEST_BYTES_MAX:
        return Seen(_identity(found), _version("", found, now_ms), None, f"{found.st_size} bytes, too big to read")
    digest = hashlib.sha256()
    content = bytearray()
    read = 0
    while read <= DIGEST_BYTES_MAX and (chunk := os.read(fd, _CHUNK)):
        digest.update(chunk)
        read += len(chunk)
        if read <= WATCHED_FILE_BYTES_MAX:
            content += chunk
    version = _version(f"sha256:{digest.hexdigest()}", found, now_ms)
    if read > WATCHED_FILE_BYTES_MAX:
        return Seen(_identity(found), version, None, f"{read} bytes, by digest only")
    return Seen(_identity(found), version, bytes(content))


def _identity(found: os.stat_result) -> Identity:
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _version(digest: str, found: os.stat_result, now_ms: int) -> Version:
    return Version(digest, found.st_size, found.st_mtime_ns // 1_000_000, now_ms, kept=False)
