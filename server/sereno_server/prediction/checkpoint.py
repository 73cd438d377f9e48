"""What the prediction has learned, kept in one file, so that a start need not read thirty days of samples anew.

The file is only ever a short cut: when it is absent, damaged, or of another version, the past is read from the store.
"""

import json
import logging
import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

VERSION: Final = 1  # raise it when a column's meaning changes; other columns are noticed by themselves
NAME: Final = "prediction.state"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Checkpoint:
    """saved_at: by the server's clock. facts: small things, as JSON. parts: the columns of each engine."""

    saved_at: datetime
    facts: dict[str, Any]
    parts: Mapping[str, dict[str, NDArray[Any]]]


def save(path: Path, checkpoint: Checkpoint) -> None:
    """Replaces the file as a whole: after a crash there is the old one or the new one."""
    head = {"version": VERSION, "saved_at": checkpoint.saved_at.isoformat(), "facts": checkpoint.facts}
    columns: dict[str, Any] = {
        f"{part}/{name}": column for part, kept in checkpoint.parts.items() for name, column in kept.items()
    }
    fresh = path.with_suffix(".new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as handle:
        np.savez(handle, head=np.frombuffer(json.dumps(head).encode(), np.uint8), **columns)
        handle.flush()
        os.fsync(handle.fileno())
    fresh.replace(path)


def load(path: Path) -> Checkpoint | None:
    """What was saved last, or None when there is nothing that can be used."""
    if not path.exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as kept:
            head = json.loads(kept["head"].tobytes())
            if head["version"] != VERSION:
                log.info("prediction: what was kept is of version %s; the past is read anew", head["version"])
                return None
            parts: dict[str, dict[str, NDArray[Any]]] = {}
            for name in kept.files:
                part, slash, column = name.partition("/")
                if slash:
                    parts.setdefault(part, {})[column] = kept[name]
            return Checkpoint(datetime.fromisoformat(head["saved_at"]), head["facts"], parts)
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        log.warning("prediction: what was kept cannot be read (%s); the past is read anew", error)
        return None
