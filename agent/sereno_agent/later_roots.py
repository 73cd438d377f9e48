"""The roots that came after the first, as they are pinned: one file beside the first root."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from sereno_proto.errors import Refused
from sereno_proto.root_chain import SignedRoot
from sereno_proto.v1.runs_pb2 import LaterRoot


def read(path: Path) -> tuple[SignedRoot, ...]:
    """What is pinned; nothing where the root was never rotated. Raises E_ROOT_CHAIN for a damaged file."""
    try:
        rows = json.loads(path.read_bytes())
        return tuple(SignedRoot(row["text"].encode("ascii"), tuple(row["signatures"])) for row in rows)
    except FileNotFoundError:
        return ()
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise Refused("E_ROOT_CHAIN", f"{path} is damaged") from error


def rows(later: Sequence[SignedRoot]) -> list[dict[str, object]]:
    """As they lie in the file."""
    return [{"text": one.text.decode("ascii"), "signatures": list(one.signatures)} for one in later]


def received(later: Iterable[LaterRoot]) -> tuple[SignedRoot, ...]:
    """As they came over the wire."""
    return tuple(SignedRoot(one.text, tuple(one.signatures)) for one in later)
