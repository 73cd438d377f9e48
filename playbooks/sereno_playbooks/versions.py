"""Earlier versions of watched files, kept by digest in Sereno's state folder: the only source of restored content."""

import os

from sereno_diagnostics import confined
from sereno_diagnostics.allowed import Allowed
from sereno_diagnostics.history import history
from sereno_playbooks import files
from sereno_proto.errors import Refused
from sereno_proto.ids import sha256
from sereno_proto.limits import WATCHED_FILE_BYTES_MAX


def read_of(allowed: Allowed, file: str, digest: str) -> bytes:
    """The content of one file's own earlier version: another file's is refused with E_VERSION_UNKNOWN."""
    if digest not in {version.digest for version in history(allowed.versions, file)}:
        raise Refused("E_VERSION_UNKNOWN", f"{file} never had the version {digest} on this device")
    return read(allowed, digest)


def read(allowed: Allowed, digest: str) -> bytes:
    """The kept content, whose digest is verified; raises Refused with E_VERSION_UNKNOWN."""
    try:
        with (
            confined.open_folder(allowed.versions) as folder,
            confined.open_regular(folder, _name(digest)) as descriptor,
            open(descriptor, "rb", closefd=False) as file,
        ):
            content = file.read(WATCHED_FILE_BYTES_MAX + 1)
    except FileNotFoundError:
        raise Refused("E_VERSION_UNKNOWN", f"this device keeps no version {digest}") from None
    if sha256(content) != digest:
        raise Refused("E_VERSION_UNKNOWN", f"the kept version {digest} is damaged")
    return content


def keep(allowed: Allowed, content: bytes) -> str:
    """Keeps content by its digest, on the disk when this returns."""
    digest = sha256(content)
    with confined.open_folder(allowed.versions) as folder:
        if confined.status(folder, _name(digest)) is None:
            temporary = files.temporary_name()
            with files.create(folder, temporary, _private(folder)) as descriptor:
                files.write_all(descriptor, content)
                os.fsync(descriptor)
                os.rename(temporary, _name(digest), src_dir_fd=folder, dst_dir_fd=folder)
            os.fsync(folder)
    return digest


def _name(digest: str) -> str:
    return digest.replace(":", "-", 1)


def _private(folder: int) -> os.stat_result:
    """The folder's owner with mode 0600: versions may hold secrets."""
    status = list(os.fstat(folder))
    status[0] = 0o100600
    return os.stat_result(status)
