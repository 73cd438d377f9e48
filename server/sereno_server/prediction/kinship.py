"""Have a change and a trouble to do with each other? Told by the words in their names."""

import re
from typing import Final

WORD_CHARS_MIN: Final = 3
# Words that stand in every second path and say nothing.
COMMON: Final = frozenset(
    [
        "app",
        "apps",
        "bin",
        "cfg",
        "conf",
        "config",
        "data",
        "default",
        "etc",
        "file",
        "files",
        "filesystem",
        "folder",
        "home",
        "inodes",
        "lib",
        "local",
        "log",
        "logs",
        "main",
        "memory",
        "mnt",
        "new",
        "old",
        "opt",
        "root",
        "run",
        "server",
        "service",
        "share",
        "srv",
        "state",
        "swap",
        "sys",
        "system",
        "tmp",
        "usr",
        "var",
        "the",
        "and",
    ]
)


def related(about: str, name: str) -> bool:
    """True when the two have an uncommon word in common: `/var/lib/postgresql` and `package postgresql-16`."""
    return bool(words(about) & words(name))


def words(text: str) -> frozenset[str]:
    """The telling words of a name, lower case."""
    found = re.split(r"[^a-z]+", text.lower())
    return frozenset(word for word in found if len(word) >= WORD_CHARS_MIN and word not in COMMON)
