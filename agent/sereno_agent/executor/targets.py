"""Whether a plan's targets are still what people were shown. The worker looks again at the moment of each change."""

import hashlib
import os
import stat
from pathlib import Path
from typing import Final

from sereno_proto.errors import Refused
from sereno_proto.plan import Plan, Target

_CHUNK: Final = 1 << 20


def require_undrifted(plan: Plan) -> None:
    """Raises E_TARGET_DRIFTED for a target swapped since the dry run, before anything is done.

    A path that an earlier step of the same plan changes is left to the worker.
    """
    changed: set[str] = set()
    for step in plan.steps:
        for target in step.targets:
            if target.path not in changed:
                _require_same(target)
        changed.update(target.path for target in step.targets)


def _require_same(target: Target) -> None:
    try:
        descriptor = os.open(target.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except FileNotFoundError:
        if "absent" not in {target.before, target.after}:  # what was to be removed may be gone already
            raise _drifted(target, "is gone") from None
        return
    except OSError as error:
        raise _drifted(target, f"cannot be opened: {error.strerror}") from error
    try:
        status = os.fstat(descriptor)
        if target.before == "absent":
            raise _drifted(target, "appeared")
        if not stat.S_ISREG(status.st_mode) or (target.inode and status.st_ino != target.inode):
            raise _drifted(target, "is another file")
        if target.before == "growing" and status.st_size > target.bytes_max:
            raise _drifted(target, f"grew to {status.st_size} bytes, beyond {target.bytes_max}")
        if target.before.startswith("stat:") and target.before != f"stat:{status.st_size}:{status.st_mtime_ns}":
            raise _drifted(target, "changed")
        if target.before.startswith("sha256:") and target.before != _digest(descriptor):
            raise _drifted(target, "changed")
    finally:
        os.close(descriptor)


def _digest(descriptor: int) -> str:
    sha256, offset = hashlib.sha256(), 0
    while chunk := os.pread(descriptor, _CHUNK, offset):
        sha256.update(chunk)
        offset += len(chunk)
    return f"sha256:{sha256.hexdigest()}"


def _drifted(target: Target, how: str) -> Refused:
    return Refused("E_TARGET_DRIFTED", f"{Path(target.path)} {how} after the plan was made")
