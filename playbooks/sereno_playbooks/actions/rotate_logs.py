"""Packs the logs of a folder into archives beside them and empties them in place.

The writer keeps its file open, so the file itself stays: its content is copied into NAME.TIME.gz, the copy is brought
to the disk, and the file is truncated. What may be lost is what the writer appends in the few microseconds between
the last read and the truncation, and, with a writer that does not open its log for appending, the log goes on at its
old offset and its beginning reads as zeros. A log that is being written is named by path and inode with an upper bound
of bytes, never by its momentary size.
"""

import gzip
import os
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from sereno_diagnostics import confined
from sereno_diagnostics.allowed import Allowed, WatchedFolder
from sereno_diagnostics.findings import bytes_text, counted
from sereno_diagnostics.parameters import Parameter, Values
from sereno_playbooks import files
from sereno_playbooks.action import Draft, Outcome, Site
from sereno_playbooks.unpacking import unpack
from sereno_proto.errors import Refused
from sereno_proto.limits import ACTION_FILES_MAX
from sereno_proto.planned_step import PlannedStep, Target

RISK = "low"
LIMITS = {"files-max": 20, "bytes-max": 10 << 30}  # of a grant made in advance, where people name no others
UNDO = "the archives are unpacked in front of what was logged since"
NEEDS = ("folders",)
PARAMETERS = (Parameter("folder", "folder", "the folder whose logs are packed"),)

_PACKED: Final = (".gz", ".xz", ".bz2", ".zst", ".zip")
_CHUNK: Final = 1 << 20
_GROWTH_BYTES: Final = 64 << 20  # what a log may grow by between plan and apply, when there is no larger quota
_OVERHEAD_BYTES: Final = 1 << 16  # of an archive whose content does not shrink
_TAILS_MAX: Final = 8
_LAST_LOOKS_MAX: Final = 64


def plan(values: Values, site: Site) -> Draft:
    """Two targets a log: the log itself, and the archive that will hold its content."""
    folder = site.allowed.folder(str(values["folder"]))
    with files.open_folder(folder.path, site.allowed) as descriptor:
        found = files.candidates(descriptor, folder, folder.rotate, site.allowed)
        logs = [log for log in found if rotatable(log.name, folder) and log.status.st_size]
        logs.sort(key=lambda log: (-log.status.st_size, log.name))
        more = max(0, len(logs) - ACTION_FILES_MAX // 2)
        logs = logs[: ACTION_FILES_MAX // 2]
        stamp = datetime.fromtimestamp(site.now_s(), UTC).strftime("%Y%m%dT%H%M%SZ")
        targets: list[Target] = []
        for log in logs:
            archive = f"{log.name}.{stamp}.gz"
            if confined.status(descriptor, archive) is not None:
                raise Refused("E_CONFLICT", f"{archive} exists already", "ask again in a second")
            bytes_max = log.status.st_size + max(_GROWTH_BYTES, folder.quota_bytes)
            targets += (
                Target(str(folder.path / log.name), log.status.st_ino, "growing", "truncated", bytes_max),
                Target(str(folder.path / archive), 0, "absent", "archive", bytes_max + _OVERHEAD_BYTES),
            )
    if not logs:
        return Draft(f"No log in {folder.name} has anything to rotate.", UNDO)
    size = bytes_text(sum(log.status.st_size for log in logs))
    what = f"{counted(len(logs), 'log')} of {folder.path} ({size} now)"
    left = f"; {more} smaller ones are left" if more else ""
    into = "an archive beside it, then empties it" if len(logs) == 1 else "archives beside them, then empties them"
    return Draft(
        effect=f"Packs {what} into {into}{left}.",
        undo=UNDO,
        targets=tuple(targets),
        bounds={"files-max": len(logs), "bytes-max": sum(target.bytes_max for target in targets[::2])},
    )


def verify(step: PlannedStep, values: Values, site: Site) -> None:
    """Refuses when a log whose archive is not there yet is another file, gone, or bigger than planned."""
    folder = site.allowed.folder(str(values["folder"]))
    with files.open_folder(folder.path, site.allowed) as descriptor:
        _waiting(descriptor, step, folder, site)


def apply(step: PlannedStep, values: Values, site: Site) -> str:
    """Packs and empties each log whose archive is not there yet, after looking at all of them."""
    folder = site.allowed.folder(str(values["folder"]))
    if not step.targets:
        return f"no log in {folder.name} was to be rotated"
    packed = total = 0
    with files.open_folder(folder.path, site.allowed) as descriptor:
        for log, archive in _waiting(descriptor, step, folder, site):
            if total > step.bounds.get("bytes-max", 0):
                raise Refused("E_BOUND", "more bytes than planned")
            total += _rotate(descriptor, folder, log, _archive(folder, log, archive), site)
            packed += 1
    return f"{counted(packed, 'log')} of {folder.name} packed and emptied, {bytes_text(total)}"


def revert(step: PlannedStep, values: Values, entries: list[dict[str, object]], site: Site) -> Outcome:
    """Unpacks each archive into its log, what was logged since following after it, and removes the archive."""
    folder = site.allowed.folder(str(values["folder"]))
    left: list[str] = []
    with files.open_folder(folder.path, site.allowed) as descriptor:
        for entry in entries:
            if files.is_temporary(entry.get("temporary")):
                files.discard(descriptor, str(entry["temporary"]))
                continue
            pair = _pair_of(step, folder, entry)
            if pair is None:
                left.append("an undo entry names a log that is not of the plan")
            elif why := unpack(descriptor, *pair, int(str(entry.get("bytes", 0))), site.allowed):
                left.append(why)
    if left:
        return Outcome("; ".join(left)[:1000], complete=False)
    return Outcome(f"{step.action}: the logs of {folder.name} are as they were before")


def rotatable(name: str, folder: WatchedFolder) -> bool:
    """Whether the policy names this as a log to rotate; archives never are."""
    return not name.endswith(_PACKED) and any(fnmatchcase(name, pattern) for pattern in folder.rotate)


def _waiting(descriptor: int, step: PlannedStep, folder: WatchedFolder, site: Site) -> list[tuple[Target, Target]]:
    """The pairs of log and archive that are still to be done, each looked at."""
    pairs = list(zip(step.targets[::2], step.targets[1::2], strict=True))
    if pairs and len(pairs) > step.bounds.get("files-max", 0):
        raise Refused("E_BOUND", "more logs than planned")
    waiting = [pair for pair in pairs if confined.status(descriptor, _archive(folder, *pair)) is None]
    for log, _ in waiting:
        _look(descriptor, folder, log, site.allowed)
    return waiting


def _archive(folder: WatchedFolder, log: Target, archive: Target) -> str:
    """The archive's name; refuses a plan that pairs a log with anything else."""
    name, packed = (files.direct_child(folder, target).name for target in (log, archive))
    if not rotatable(name, folder) or not packed.startswith(f"{name}.") or not packed.endswith(".gz"):
        raise Refused("E_OUTSIDE_POLICY", f"{log.path} is not a log that the policy lets rotate")
    return packed


def _look(descriptor: int, folder: WatchedFolder, log: Target, allowed: Allowed) -> None:
    """Refuses a log that is gone, another file, or bigger than planned."""
    path = files.direct_child(folder, log)
    try:
        with files.open_target(descriptor, path, allowed) as content:
            status = os.fstat(content)
    except FileNotFoundError:
        raise Refused("E_TARGET_DRIFTED", f"{path} is gone") from None
    except Refused as error:
        raise Refused("E_TARGET_DRIFTED", f"{path} is no longer what it was: {error.what}") from error
    if status.st_ino != log.inode:
        raise Refused("E_TARGET_DRIFTED", f"{path} is another file than when the plan was made")
    if status.st_size > log.bytes_max:
        raise Refused("E_BOUND", f"{path} has grown beyond {bytes_text(log.bytes_max)}")


def _rotate(descriptor: int, folder: WatchedFolder, log: Target, archive: str, site: Site) -> int:
    """Packs one log and empties it; gives the bytes packed."""
    path = files.direct_child(folder, log)
    temporary = files.temporary_name()
    site.record({"temporary": temporary})
    _look(descriptor, folder, log, site.allowed)
    with files.open_target(descriptor, path, site.allowed, write=True) as content:
        if os.fstat(content).st_ino != log.inode:
            raise Refused("E_TARGET_DRIFTED", f"{path} was swapped for another file")
        with files.create(descriptor, temporary, os.fstat(content)) as packed:
            copied = _pack(content, 0, packed, log.bytes_max)
            os.fsync(packed)
            for _ in range(_TAILS_MAX):  # what came meanwhile, each time less
                tail = _pack(content, copied, packed, log.bytes_max)
                os.fsync(packed)
                copied += tail
                if tail < _CHUNK:
                    break
            site.record({"log": path.name, "inode": log.inode, "archive": archive, "bytes": copied})
            files.place(descriptor, temporary, archive)
            for _ in range(_LAST_LOOKS_MAX):  # until a look finds nothing: then the truncation follows at once
                tail = _pack(content, copied, packed, log.bytes_max)
                if not tail:
                    break
                copied += tail
            os.ftruncate(content, 0)
            os.fsync(packed)
    return copied


def _pack(content: int, offset: int, packed: int, bytes_max: int) -> int:
    """Appends what the log holds from an offset as one more gzip member; gives how many bytes that were."""
    chunk = os.pread(content, _CHUNK, offset)
    if not chunk:
        return 0
    copied = 0
    with open(packed, "wb", closefd=False) as out, gzip.GzipFile("", "wb", 6, out, mtime=0) as member:
        while chunk:
            copied += len(chunk)
            if offset + copied > bytes_max:
                raise Refused("E_BOUND", f"a log has grown beyond {bytes_text(bytes_max)}")
            member.write(chunk)
            chunk = os.pread(content, _CHUNK, offset + copied)
    return copied


def _pair_of(step: PlannedStep, folder: WatchedFolder, entry: dict[str, object]) -> tuple[Target, Target] | None:
    """The planned log and archive that an undo entry speaks of."""
    for log, archive in zip(step.targets[::2], step.targets[1::2], strict=True):
        if (Path(log.path).name, _archive(folder, log, archive)) == (entry.get("log"), entry.get("archive")):
            return log, archive
    return None
