"""Checkpoints of the server's ledger: a signed head of its Merkle tree, and what a witness says of the next one.

A checkpoint is a signed note (C2SP tlog-checkpoint): origin, size and root, an empty line, signatures. A witness (every
agent, every workstation) remembers the newest one it took and takes another only when that goes on from it. So whoever
edits, cuts off or rewrites the ledger after a checkpoint has to show two histories, and somebody outside holds both.

This module needs no cryptography beyond hashing; signatures are in checkpoint_signature.py.
"""

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sereno_proto import merkle
from sereno_proto.errors import BadInput
from sereno_proto.limits import CHECKPOINT_BYTES_MAX, CONSISTENCY_HASHES_MAX

ORIGIN: Final = "sereno-ledger/"
SIGNATURE: Final = "\N{EM DASH} "  # how the line of a signature begins
_SIZE: Final = re.compile(r"0|[1-9][0-9]{0,17}", re.ASCII)
_ORGANISATION: Final = re.compile(r"org_[a-z0-9]{1,64}", re.ASCII)
_HASH_BYTES: Final = 32


@dataclass(frozen=True)
class Checkpoint:
    """A head of an organisation's ledger: how many rows it has, and the hash over all of them."""

    organisation_id: str
    size: int
    root: bytes

    @property
    def body(self) -> bytes:
        """What is signed: three lines."""
        root = base64.b64encode(self.root).decode()
        return f"{ORIGIN}{self.organisation_id}\n{self.size}\n{root}\n".encode()


def read_checkpoint(text: bytes) -> Checkpoint:
    """Reads a signed note; raises BadInput with E_CHECKPOINT. Says nothing about its signatures."""
    body, separator, signatures = text.partition(b"\n\n")
    try:
        lines = (body + b"\n").decode().split("\n")[:-1]
        known = signatures.decode().startswith(SIGNATURE) and signatures.endswith(b"\n")
    except UnicodeDecodeError as error:
        raise BadInput("E_CHECKPOINT", "a checkpoint is UTF-8") from error
    if len(text) > CHECKPOINT_BYTES_MAX or not separator or not known or len(lines) != 3:  # noqa: PLR2004
        raise BadInput("E_CHECKPOINT", "a checkpoint has three lines, an empty one, and signatures")
    origin, size, root = lines
    if not origin.startswith(ORIGIN) or _SIZE.fullmatch(size) is None:
        raise BadInput("E_CHECKPOINT", "the first lines are no origin and size")
    if _ORGANISATION.fullmatch(origin.removeprefix(ORIGIN)) is None:  # it names files where it is witnessed
        raise BadInput("E_CHECKPOINT", "the origin names no organisation")
    checkpoint = Checkpoint(origin.removeprefix(ORIGIN), int(size), _hash(root))
    if checkpoint.body != body + b"\n":
        raise BadInput("E_CHECKPOINT", "the checkpoint is written in an unusual way")
    return checkpoint


def contradiction(kept: Checkpoint | None, offered: Checkpoint, proof: Sequence[bytes]) -> str:
    """Why an offered checkpoint does not go on from the one that a witness kept; empty when it does.

    proof: RFC 6962 hashes from kept.size to offered.size.
    """
    if kept is None:
        return ""
    if offered.organisation_id != kept.organisation_id:
        return f"it is of {offered.organisation_id[:40]}, the one kept is of {kept.organisation_id}"
    if offered.size < kept.size:
        return f"the ledger had {kept.size} rows and now has {offered.size}: rows were taken away"
    if len(proof) > CONSISTENCY_HASHES_MAX or any(len(one) != _HASH_BYTES for one in proof):
        return "what should prove it is no proof"
    if not merkle.verify_consistency(kept.size, kept.root, offered.size, offered.root, proof):
        return f"its first {kept.size} rows are not the {kept.size} rows that were witnessed"
    return ""


def _hash(text: str) -> bytes:
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadInput("E_CHECKPOINT", "the root is not base64") from error
    if len(content) != _HASH_BYTES:
        raise BadInput("E_CHECKPOINT", "the root is no SHA-256")
    return content
