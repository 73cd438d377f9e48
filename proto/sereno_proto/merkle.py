"""Merkle trees of RFC 6962 (section 2.1): one hash for a whole log, and short proofs about it.

A leaf is hashed with a 0 before it, a node with a 1 before its two children, so that none passes for the other. Leaves
are counted from 0. Where nodes come from is the caller's: `Node(level, index)` gives the hash over the leaves
`index << level` to `(index + 1) << level`, which never changes once they are all there.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence

Node = Callable[[int, int], bytes]

EMPTY = hashlib.sha256().digest()  # the root of a tree without leaves


def leaf_hash(content: bytes) -> bytes:
    """The hash of one leaf."""
    return hashlib.sha256(b"\0" + content).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of a node over its two children."""
    return hashlib.sha256(b"\1" + left + right).digest()


def nodes_of(leaves: Sequence[bytes]) -> Node:
    """Nodes computed from the leaf hashes of a log that is all at hand."""

    def node(level: int, index: int) -> bytes:
        if level == 0:
            return leaves[index]
        return node_hash(node(level - 1, 2 * index), node(level - 1, 2 * index + 1))

    return node


def root(size: int, node: Node) -> bytes:
    """The root hash of the first `size` leaves."""
    return _range(0, size, node) if size else EMPTY


def inclusion(index: int, size: int, node: Node) -> list[bytes]:
    """The audit path that proves leaf `index` to be in the tree of `size` leaves, lowest first. Needs index < size."""
    _require(0 <= index < size)
    return _path(index, 0, size, node)


def consistency(old: int, size: int, node: Node) -> list[bytes]:
    """What proves that the tree of `size` leaves begins with the tree of `old` leaves; empty for 0 and for itself."""
    _require(0 <= old <= size)
    return _subproof(old, 0, size, whole=True, node=node) if old else []


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], expected_root: bytes) -> bool:
    """Whether the leaf with this hash stands at that place of the tree with that root (RFC 9162, section 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    place, last, found = index, size - 1, leaf
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
    return last == 0 and found == expected_root


def verify_consistency(old: int, old_root: bytes, size: int, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether the tree of `size` leaves begins with the tree of `old` leaves (RFC 9162, section 2.1.4.2)."""
    if old > size or old < 0:
        return False
    if old in {0, size}:
        return not proof and (old == 0 or old_root == new_root) and (old != 0 or old_root == EMPTY)
    path = list(proof) if old & (old - 1) else [old_root, *proof]
    if not path:
        return False
    place, last = old - 1, size - 1
    while place % 2:
        place, last = place >> 1, last >> 1
    first = second = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if place % 2 or place == last:
            first, second = node_hash(sibling, first), node_hash(sibling, second)
            while place % 2 == 0 and place:
                place, last = place >> 1, last >> 1
        else:
            second = node_hash(second, sibling)
        place, last = place >> 1, last >> 1
    return last == 0 and first == old_root and second == new_root


def new_nodes(size: int, leaf: bytes, node: Node) -> Iterable[tuple[int, int, bytes]]:
    """The nodes that a leaf added to a tree of `size` leaves completes: (level, index, hash), the leaf first."""
    level, index, found = 0, size, leaf
    yield level, index, found
    while index % 2:
        found = node_hash(node(level, index - 1), found)
        level, index = level + 1, index >> 1
        yield level, index, found


def _range(start: int, end: int, node: Node) -> bytes:
    """The hash over leaves of a part of the tree; its start is a multiple of the power of two that holds it."""
    count = end - start
    if count & (count - 1) == 0:
        level = count.bit_length() - 1
        return node(level, start >> level)
    split = _split(count)
    return node_hash(_range(start, start + split, node), _range(start + split, end, node))


def _path(index: int, start: int, end: int, node: Node) -> list[bytes]:
    if end - start == 1:
        return []
    middle = start + _split(end - start)
    if index < middle:
        return [*_path(index, start, middle, node), _range(middle, end, node)]
    return [*_path(index, middle, end, node), _range(start, middle, node)]


def _subproof(old: int, start: int, end: int, *, whole: bool, node: Node) -> list[bytes]:
    if old == end:
        return [] if whole else [_range(start, end, node)]
    middle = start + _split(end - start)
    if old <= middle:
        return [*_subproof(old, start, middle, whole=whole, node=node), _range(middle, end, node)]
    return [*_subproof(old, middle, end, whole=False, node=node), _range(start, middle, node)]


def _split(count: int) -> int:
    """The largest power of two that is smaller than count."""
    return 1 << ((count - 1).bit_length() - 1)


def _require(holds: bool) -> None:  # noqa: FBT001
    if not holds:
        raise ValueError("no such leaf in a tree of this size")
