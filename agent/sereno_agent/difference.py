"""The unified diff of two versions of a file, redacted and bounded."""

from typing import Final

from sereno_agent.redact import Redact
from sereno_proto.limits import DIFF_CHARS_MAX

DIFF_LINES_MAX: Final = 4000  # of either side; comparing more costs too much


def difference(name: str, before: bytes | None, after: bytes | None, redact: Redact) -> tuple[str, str]:
    """Gives the diff and one sentence about it. None stands for a content that is not known.

    Both sides are redacted before they are compared, so that a secret never decides over a line that is sent.
    """
    if after is None:
        return "", "by digest only"
    if _binary(after) or (before is not None and _binary(before)):
        return "", "binary, by digest only"
    if before is None:
        return "", "what it was before is not known"
    old = redact(before.decode(errors="replace")).splitlines()
    new = redact(after.decode(errors="replace")).splitlines()
    if max(len(old), len(new)) > DIFF_LINES_MAX:
        return "", f"{len(old)} lines before, {len(new)} now, too many to compare"
    # Changes are rare, and the module is needed for nothing else.
    import difflib  # noqa: PLC0415

    lines = list(difflib.unified_diff(old, new, f"{name} before", f"{name} now", lineterm=""))
    if not lines:
        return "", "only secrets, spaces at line ends or the last line's end differ"
    return bounded(lines), counted(lines[2:])


def counted(lines: list[str]) -> str:
    """How many lines a diff without its header adds and removes."""
    added = sum(line.startswith("+") for line in lines)
    removed = sum(line.startswith("-") for line in lines)
    return f"{added} line{'s'[: added != 1]} added, {removed} removed"


def bounded(lines: list[str]) -> str:
    """The lines as one text, those beyond the bound left out and counted."""
    kept: list[str] = []
    size = 0
    for line in lines:
        size += len(line) + 1
        if size > DIFF_CHARS_MAX - 80:
            kept.append(f"[{len(lines) - len(kept)} more lines are left out]")
            break
        kept.append(line)
    return "\n".join(kept) + "\n"


def _binary(content: bytes) -> bool:
    return b"\0" in content[:8192]
