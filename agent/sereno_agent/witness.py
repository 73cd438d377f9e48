"""What this device witnesses of the server's ledger: the newest checkpoint it took, and a fault that never goes away.

A checkpoint that does not go on from the kept one is evidence: both are kept, the fault shows in `sereno-agent status`,
in the log and at the server, and nothing newer is taken. After a restore that the owner knows of, the file is removed.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from sereno_proto.checkpoint import Checkpoint, contradiction, read_checkpoint
from sereno_proto.errors import SerenoError


class Witness:
    """One file; written in one step, so that it holds the old checkpoint or the new one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.text = b""
        self.fault = ""
        self.contradicting = b""
        self.at_ms = 0
        self._kept: Checkpoint | None = None
        self._load()

    @property
    def size(self) -> int:
        """How many rows of the server's ledger are witnessed."""
        return self._kept.size if self._kept else 0

    def offer(self, text: bytes, from_size: int, proof: Sequence[bytes], now_ms: int) -> str:
        """Takes a checkpoint, or gives why it contradicts the kept one. One that starts elsewhere is passed over."""
        if self.fault or (from_size != self.size and self.size):
            return ""
        try:
            offered = read_checkpoint(text)
            self.fault = contradiction(self._kept, offered, proof)
        except SerenoError as error:
            self.fault = error.what
        if self.fault:
            self.contradicting = text[:4096]
        else:
            self.text, self._kept, self.at_ms = text, offered, now_ms
        self._save()
        return self.fault

    def _load(self) -> None:
        try:
            record = json.loads(self._path.read_bytes())
            self.text = record["text"].encode()
            self.fault = str(record["fault"])
            self.contradicting = record["contradicting"].encode("latin-1")
            self.at_ms = int(record["at_ms"])
            self._kept = read_checkpoint(self.text) if self.text else None
        except FileNotFoundError:
            return
        except (OSError, ValueError, KeyError, TypeError, AttributeError, SerenoError):
            self.fault = f"{self._path.name} is damaged: what was witnessed is lost"

    def _save(self) -> None:
        record = {
            "text": self.text.decode(),
            "fault": self.fault,
            "contradicting": self.contradicting.decode("latin-1"),
            "at_ms": self.at_ms,
        }
        new = self._path.with_suffix(".new")
        try:
            new.write_text(json.dumps(record))
            new.replace(self._path)
        except OSError:
            new.unlink(missing_ok=True)  # a full disk: the same checkpoint is offered again
