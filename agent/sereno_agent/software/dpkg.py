"""dpkg's status file, and apt's history of who asked."""

import os
import re
import time
from collections.abc import Iterable, Iterator
from typing import Final

from sereno_agent.host import Host
from sereno_agent.software import NEAR_S, Database, Installed

STATUS: Final = "/var/lib/dpkg/status"
_APT_HISTORY: Final = "/var/log/apt/history.log"
_HISTORY_TAIL_BYTES: Final = 262_144
_FIELDS: Final = (b"Package:", b"Status:", b"Version:", b"Architecture:")
_HALF: Final = {"half-installed", "unpacked", "half-configured"}
_ABSENT: Final = {"not-installed", "config-files", "half-installed"}
_STARTED: Final = re.compile(r"(\d{4})-(\d\d)-(\d\d)\s+(\d\d):(\d\d):(\d\d)")


def _installed(host: Host) -> Installed | None:
    with open(host.root + STATUS, "rb") as file:  # noqa: PTH123
        return dpkg(file)  # line by line: the whole of it would stay in the core's memory


def dpkg(lines: Iterable[bytes]) -> Installed:
    """Installed packages of a dpkg status file. A second architecture is `name:arch`."""
    packages: dict[str, str] = {}
    half = False
    for package in _paragraphs(lines):
        state = package.get(b"Status", "").rpartition(" ")[2]
        half |= state in _HALF
        if state in _ABSENT or not package.get(b"Version"):
            continue
        name = package.get(b"Package", "")
        packages[f"{name}:{package.get(b'Architecture', '')}" if name in packages else name] = package[b"Version"]
    return Installed(packages, half)


def _paragraphs(lines: Iterable[bytes]) -> Iterator[dict[bytes, str]]:
    package: dict[bytes, str] = {}
    for line in lines:
        if line.startswith(_FIELDS):
            field, _, value = line.partition(b":")
            package[field] = value.strip().decode("utf-8", "replace")
        elif package and not line.strip():
            yield package
            package = {}
    if package:
        yield package


def apt_request(history: str, modified_s: float) -> str:
    """Who asked apt, and how: of the last entry that is near the moment the status file was written."""
    entry = history.rstrip().rpartition("\n\n")[2]
    fields = dict(line.partition(": ")[::2] for line in entry.splitlines())
    ended = _STARTED.match(fields.get("End-Date", "") or fields.get("Start-Date", ""))
    if ended is None:
        return ""
    at = time.mktime((*(int(part) for part in ended.groups()), 0, 0, -1))  # type: ignore[arg-type] # nine numbers
    if abs(modified_s - at) > NEAR_S:
        return ""
    person = fields.get("Requested-By", "").partition(" ")[0]
    return ", ".join(part for part in (person, fields.get("Commandline", "")) if part)[:200]


def tail(host: Host, path: str) -> str:
    """The end of a history that grows for years; empty when there is none."""
    try:
        with open(host.root + path, "rb") as file:  # noqa: PTH123
            file.seek(max(0, os.fstat(file.fileno()).st_size - _HISTORY_TAIL_BYTES))
            return file.read(_HISTORY_TAIL_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""


DPKG: Final = Database(
    "deb",
    (STATUS,),
    _installed,
    busy=lambda host: bool(host.names("/var/lib/dpkg/updates")),
    who=lambda host, modified_s: apt_request(tail(host, _APT_HISTORY), modified_s),
)
