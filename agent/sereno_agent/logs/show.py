"""`sereno-agent collect logs`: which files each source reads now, and their last lines as they would be sent."""

import os
from collections.abc import Iterator
from typing import Final

from sereno_agent.logs import content, recognise
from sereno_agent.logs.links import Links
from sereno_agent.logs.open_files import OpenFiles
from sereno_agent.logs.place import begin
from sereno_agent.logs.records import Shape
from sereno_agent.logs.siblings import listed
from sereno_agent.policy import Policy
from sereno_agent.policy_logs import PRIORITIES, LogSource
from sereno_agent.redact import Redact, redactor

FILES_SHOWN: Final = 10
LINES_SHOWN: Final = 3
_TAIL_BYTES: Final = 8192


def show(policy: Policy) -> Iterator[str]:
    """One line a source and file, and the last lines of each, redacted. Positions are not touched."""
    redact = redactor(policy.redact)
    if "logs" in policy.collectors_denied:
        yield "logs: denied by the policy"
        return
    for source in policy.logs.values():
        links = Links(str(source.path), source.links)
        paths = links.resolved(listed(str(source.path), source.exclude))
        yield f"# logs {source.name}: {source.path}, {len(paths)} files, at most {source.lines_per_minute:,} lines/min"
        files = OpenFiles(links)
        for path in paths[-FILES_SHOWN:]:
            yield from _file(files, path, source, redact)
        files.close_all()
    if policy.journal is not None:
        what = ", ".join(policy.journal.units) or "everything"
        yield f"# logs journal: {what}, {policy.journal.priority} and worse"
    if not policy.logs and policy.journal is None:
        yield "logs: the policy names none ([logs.NAME], [journal])"


def _file(files: OpenFiles, path: str, source: LogSource, redact: Redact) -> Iterator[str]:
    if os.path.islink(path):  # noqa: PTH114
        yield f"{path}: a link, followed only into folders that `links` names"
        return
    try:
        opened = files.open(path)
        if opened is None:
            yield f"{path}: not followed: no regular file, or where the policy does not let links lead"
            return
        found = os.fstat(opened[1])
        place = begin(opened[1], found, path, max(0, (found.st_size - _TAIL_BYTES) // 2 * 2))
        piece = content.read(opened[1], place, Shape(source.encoding), records_max=10_000, final=True)
    except OSError as error:
        yield f"{path}: {error.strerror or error}"
        return
    yield f"{path}: {found.st_size:,} bytes"
    texts, _ = content.redacted(piece.texts, piece.place, redact)
    for text in texts[-LINES_SHOWN:]:
        yield f"  {PRIORITIES[recognise.severity(text)]}: {text}"
