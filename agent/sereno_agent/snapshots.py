"""What each kind of state was when it was last told, kept on the device: a change while the agent was off is found.

One file a collector, `snapshots/NAME.json`: object -> [text, mark]. The text is redacted; the mark is a keyed digest of
what was taken out of it, so that a changed password is noticed and never kept.
"""

import hashlib
import hmac
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from sereno_agent.redact import Redact

MARK_CHARS: Final = 16


class Item(NamedTuple):
    """One object's state: a redacted text, and the mark of its secrets (empty where it has none)."""

    text: str
    mark: str = ""


Items = dict[str, Item]


class Snapshots:
    """The folder. A damaged or missing file is a first start, never an error."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = b""

    def load(self, name: str) -> Items | None:
        """The last state told; None when none was."""
        try:
            read = json.loads((self._folder / f"{name}.json").read_bytes())
            return {str(key): Item(str(text), str(mark)) for key, (text, mark) in read.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            return None

    def save(self, name: str, items: Items) -> None:
        """Keeps a state. Raises OSError when the disk refuses."""
        content = json.dumps(items, separators=(",", ":")).encode()
        write_atomically(self._folder / f"{name}.json", content)

    def redacted(self, values: Mapping[str, str], redact: Redact) -> Items:
        """The values as they may be kept and sent: secrets out, with a mark where there were any."""
        joined = "\n".join(f"{key} {value}" for key, value in values.items())
        if redact(joined) == joined:
            return {key: Item(value) for key, value in values.items()}
        items: Items = {}
        for key, value in values.items():
            text = redact(value)
            items[key] = Item(text, self._mark(value) if text != value else "")
        return items

    def _mark(self, value: str) -> str:
        return hmac.new(self._secret(), value.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:MARK_CHARS]

    def _secret(self) -> bytes:
        # A key of this device's own: without it a mark says nothing about a short password.
        if not self._key:
            path = self._folder / "key"
            try:
                self._key = path.read_bytes()
            except OSError:
                self._key = os.urandom(32)
                write_atomically(path, self._key)
        return self._key


def write_atomically(path: Path, content: bytes) -> None:
    """Replaces a file by one that only this user may read; a crash leaves the old or the new one."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    new = path.with_name(f".{path.name}.new")
    fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
