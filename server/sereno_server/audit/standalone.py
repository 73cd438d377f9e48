"""Verifies an export of Sereno's ledger without Sereno and without the server: Python's standard library is enough.

    python verify_ledger.py EXPORT [--witness FILE] [--key VERIFIER_KEY]

EXPORT      what `sereno ledger export` wrote: a header line, then one JSON object a row; or one row with its proof
--witness   a checkpoint kept earlier, a signed note or a device's witness.json, that the export must go on from
--key       the server's verifier key; checked where the package `cryptography` is installed, else said so

It ends with 0 and one line, or with 1 and the first thing that is wrong. `sereno ledger verifier` prints this file.
"""

import argparse
import base64
import hashlib
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

FORMAT = "sereno ledger export v1"
ORIGIN = "sereno-ledger/"


class WrongError(Exception):
    """What does not fit, in one line."""


def sha256(content: bytes) -> str:
    """`sha256:` and hex, as the ledger writes digests."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


def canonical(value: object) -> bytes:
    """JSON with sorted keys and no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def row_digest(organisation: str, row: dict[str, Any]) -> str:
    """The digest of a row, over the one before and every field but the payload, which its own digest stands for."""
    order = (row["previous"], row["position"], organisation, row["id"], row["at"])
    fields = [*order, row["actor"], row["verb"], row["object"], row["payload_digest"]]
    return sha256(json.dumps(fields, separators=(",", ":"), ensure_ascii=True).encode())


def check_row(organisation: str, row: dict[str, Any]) -> None:
    """Raises WrongError unless the row's fields and payload give its digests. An erased payload is null."""
    where = f"row {row['position']}"
    if row["payload"] is not None and sha256(canonical(row["payload"])) != row["payload_digest"]:
        raise WrongError(f"{where}: its payload was edited")
    if row_digest(organisation, row) != row["digest"]:
        raise WrongError(f"{where}: its fields were edited")


class Tree:
    """The Merkle tree of RFC 6962 as its rows come: only the edge is kept."""

    def __init__(self) -> None:
        self.size = 0
        self._edge: list[tuple[int, bytes]] = []  # complete subtrees, the largest first: (leaves, hash)

    def add(self, digest: str) -> None:
        """Adds a row's digest as the next leaf."""
        found, leaves = leaf_hash(digest), 1
        while self._edge and self._edge[-1][0] == leaves:
            _, left = self._edge.pop()
            found, leaves = node_hash(left, found), leaves * 2
        self._edge.append((leaves, found))
        self.size += 1

    def root(self) -> bytes:
        """The hash over all rows so far."""
        if not self._edge:
            return hashlib.sha256().digest()
        found = self._edge[-1][1]
        for _, left in reversed(self._edge[:-1]):
            found = node_hash(left, found)
        return found


def leaf_hash(digest: str) -> bytes:
    """The hash of one leaf."""
    return hashlib.sha256(b"\0" + digest.encode()).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of a node over its two children."""
    return hashlib.sha256(b"\1" + left + right).digest()


def included(digest: str, index: int, size: int, proof: list[bytes], root: bytes) -> bool:
    """Whether the row stands at that place of the tree (RFC 9162, section 2.1.3.2)."""
    place, last, found = index, size - 1, leaf_hash(digest)
    for sibling in proof:
        if last == 0:
            return False
        if place % 2 or place == last:
            found = node_hash(sibling, found)
            while place % 2 == 0 and place:
                place, last = place >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        place, last = place >> 1, last >> 1
    return 0 <= index < size and last == 0 and found == root


def read_note(text: str) -> tuple[str, int, bytes]:
    """(organisation, size, root) of a signed note."""
    lines = text.split("\n")
    if len(lines) < 5 or not lines[0].startswith(ORIGIN) or lines[3] or not lines[1].isdigit():  # noqa: PLR2004
        raise WrongError("the checkpoint is no signed note")
    return lines[0][len(ORIGIN) :], int(lines[1]), base64.b64decode(lines[2])


def check_signature(text: str, key: str) -> str:
    """What there is to say of the note's signature; raises WrongError when it does not fit."""
    try:
        from cryptography.exceptions import InvalidSignature  # noqa: PLC0415, works without it
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415
    except ImportError:
        return "its signature was not checked, for `cryptography` is not installed"
    body, _, signature = text.partition("\n\n")
    try:
        public = Ed25519PublicKey.from_public_bytes(base64.b64decode(key.split("+", 2)[2])[1:])
        sealed = base64.b64decode(signature.split()[2])
        public.verify(sealed[4:], (body + "\n").encode())
    except (InvalidSignature, ValueError, IndexError) as error:
        raise WrongError("the checkpoint is not signed by that key") from error
    return "signed by the server's key"


def verify(lines: Iterable[str], witness: str = "", key: str = "") -> str:
    """One line that says what was verified; raises WrongError with the first thing that is wrong."""
    rows: Iterator[dict[str, Any]] = (json.loads(line) for line in lines if line.strip())
    header = next(rows, {})
    if header.get("format") != FORMAT:
        raise WrongError(f"the first line is not that of a '{FORMAT}'")
    organisation, size, root = read_note(header["checkpoint"])
    signed = check_signature(header["checkpoint"], key or header["verifier_key"])
    if "proof" in header:
        return _verify_one(header, organisation, size, root) + f"; {signed}"
    seen = read_note(witness) if witness else (organisation, 0, b"")
    if seen[0] != organisation:
        raise WrongError(f"the witness is of {seen[0]}, the export of {organisation}")
    tree, previous = Tree(), sha256(f"sereno ledger v1\n{organisation}\n".encode())
    for row in rows:
        if row["position"] != tree.size + 1:
            raise WrongError(f"row {tree.size + 1} is missing")
        if row["previous"] != previous:
            raise WrongError(f"row {row['position']}: it does not follow the row before it")
        check_row(organisation, row)
        previous = row["digest"]
        tree.add(previous)
        if tree.size == seen[1] and tree.root() != seen[2]:
            raise WrongError(f"the first {seen[1]} rows are not those that were witnessed")
        if tree.size == size and tree.root() != root:
            raise WrongError("the rows are not those of the checkpoint")
    if tree.size < max(size, seen[1]):
        raise WrongError(f"it ends at row {tree.size}; {max(size, seen[1])} were there")
    beside = f", the first {seen[1]} as witnessed" if witness else ""
    return f"{size} rows, unbroken{beside}; {signed}"


def _verify_one(header: dict[str, Any], organisation: str, size: int, root: bytes) -> str:
    row = header["row"]
    check_row(organisation, row)
    proof = [base64.b64decode(one) for one in header["proof"]]
    if not included(row["digest"], row["position"] - 1, size, proof, root):
        raise WrongError(f"row {row['position']} is not in the ledger of that checkpoint")
    return f"row {row['position']} is one of the {size} rows of the checkpoint"


def _read_witness(path: Path) -> str:
    content = path.read_text()
    return str(json.loads(content)["text"]) if content.startswith("{") else content


def main(arguments: list[str]) -> int:
    """The command."""
    parser = argparse.ArgumentParser(description="verify an export of Sereno's ledger")
    parser.add_argument("export", type=Path)
    parser.add_argument("--witness", type=Path)
    parser.add_argument("--key", default="")
    given = parser.parse_args(arguments)
    try:
        with given.export.open() as lines:
            said = verify(lines, _read_witness(given.witness) if given.witness else "", given.key)
    except (WrongError, OSError, ValueError, KeyError, TypeError) as error:
        sys.stdout.write(f"WRONG: {error}\n")
        return 1
    sys.stdout.write(said + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
