"""Lines of /etc/passwd and /etc/group. Pure: text in, entries out."""

from collections.abc import Sequence
from typing import Final

_NO_LOGIN: Final = ("nologin", "/false", "/sync")


def entries(text: str, fields: int) -> dict[str, list[str]]:
    """Each line's fields by its first one; comments and lines with too few are passed over."""
    split = (line.split(":") for line in text.splitlines() if line and not line.startswith(("#", "+", "-")))
    return {entry[0]: entry for entry in split if len(entry) >= fields}


def may_log_in(entry: Sequence[str]) -> bool:
    """Whether an account's shell lets anybody in."""
    return not entry[6].endswith(_NO_LOGIN)


def members(entry: Sequence[str]) -> list[str]:
    """Who a group's line names."""
    return sorted(name for name in entry[3].split(",") if name)


def words(name: str, entry: Sequence[str]) -> str:
    """An account as people say it."""
    return f"{name}, number {entry[2]}, {entry[5]}, {entry[6]}"
