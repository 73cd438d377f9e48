"""Opens the policy's folders and files without following a link anywhere, and only regular files.

A path of the policy is walked from the root, one component at a time, each opened relative to the one before with
O_NOFOLLOW. So neither a link that someone put in the way nor one swapped in a moment later leads elsewhere.
"""

import contextlib
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sereno_proto.errors import Refused

_PATH_ONLY = getattr(os, "O_PATH", os.O_RDONLY)  # Linux: passes through folders that may be entered, not listed
_FOLDER = os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
Inspect = Callable[[Path, os.stat_result], None]


def refused(path: Path, error: OSError) -> Refused:
    """The refusal for what the system said of a path."""
    return Refused("E_OUTSIDE_POLICY", f"{path} cannot be opened without following a link: {error.strerror}")


@contextmanager
def open_folder(path: Path, inspect: Inspect | None = None) -> Iterator[int]:
    """A descriptor of the folder. Raises Refused with E_OUTSIDE_POLICY when a part is missing, a link or no folder.

    inspect: called with every folder on the way and its status, to refuse some.
    """
    if not path.is_absolute() or ".." in path.parts:
        raise Refused("E_OUTSIDE_POLICY", f"{path} is not a plain absolute path")
    parts = path.parts[1:]
    descriptor = -1
    try:
        walked = Path(path.anchor)
        try:
            descriptor = os.open(path.anchor, _FOLDER | _PATH_ONLY)
            for number, part in enumerate(parts, 1):
                walked /= part
                flags = _FOLDER | (os.O_RDONLY if number == len(parts) else _PATH_ONLY)
                descriptor, above = os.open(part, flags, dir_fd=descriptor), descriptor
                os.close(above)
                if inspect:
                    inspect(walked, os.fstat(descriptor))
        except OSError as error:
            raise refused(walked, error) from error
        yield descriptor
    finally:
        if descriptor >= 0:
            os.close(descriptor)


@contextmanager
def open_regular(folder: int, name: str, flags: int = os.O_RDONLY) -> Iterator[int]:
    """A descriptor of a regular file in the folder; a link, FIFO, socket or device is refused with E_OUTSIDE_POLICY.

    Raises FileNotFoundError when there is none: that is for the caller to judge.
    """
    if not plain_name(name):
        raise Refused("E_OUTSIDE_POLICY", f"{name!r} is not a plain file name")
    try:
        descriptor = os.open(name, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise refused(Path(name), error) from error
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise Refused("E_OUTSIDE_POLICY", f"{name!r} is not a regular file")
        yield descriptor
    finally:
        os.close(descriptor)


def plain_name(name: str) -> bool:
    """Whether this is one file name that a person can read as it is: no folder, control, bidi or undecodable sign."""
    return bool(name) and name not in {".", ".."} and "/" not in name and name.isprintable()


def status(folder: int, name: str) -> os.stat_result | None:
    """The status of a name in the folder, a link's own; None when there is none."""
    with contextlib.suppress(FileNotFoundError):
        return os.stat(name, dir_fd=folder, follow_symlinks=False)
    return None
