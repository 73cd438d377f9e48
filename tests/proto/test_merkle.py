"""RFC 6962 trees: the known answers of its reference implementation, and the laws of both proofs."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sereno_proto import merkle

# Leaves and roots of Certificate Transparency's own test (merkle_tree_test.cc of the reference implementation).
LEAVES = [
    bytes.fromhex(one)
    for one in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
HASHES = [merkle.leaf_hash(f"row {number}".encode()) for number in range(130)]
NODE = merkle.nodes_of(HASHES)
sizes = st.integers(1, len(HASHES))


def test_the_roots_are_those_of_the_reference():
    node = merkle.nodes_of([merkle.leaf_hash(leaf) for leaf in LEAVES])
    assert [merkle.root(size, node).hex() for size in range(1, 9)] == ROOTS
    assert merkle.root(0, node) == hashlib.sha256().digest()


@given(st.data())
def test_every_leaf_is_proven_and_no_other(data):
    size = data.draw(sizes)
    index = data.draw(st.integers(0, size - 1))
    root, proof = merkle.root(size, NODE), merkle.inclusion(index, size, NODE)
    assert merkle.verify_inclusion(HASHES[index], index, size, proof, root)
    other = data.draw(st.integers(0, len(HASHES) - 1).filter(lambda number: number != index))
    assert not merkle.verify_inclusion(HASHES[other], index, size, proof, root)
    assert not merkle.verify_inclusion(HASHES[index], other, size, proof, root)
    assert not merkle.verify_inclusion(HASHES[index], index, size, [*proof, root], root)
    if proof:
        assert not merkle.verify_inclusion(HASHES[index], index, size, proof[:-1], root)


@given(st.data())
def test_every_earlier_tree_is_proven_and_no_other(data):
    size = data.draw(sizes)
    old = data.draw(st.integers(0, size))
    old_root, root = merkle.root(old, NODE), merkle.root(size, NODE)
    proof = merkle.consistency(old, size, NODE)
    assert merkle.verify_consistency(old, old_root, size, root, proof)
    changed = list(HASHES)
    if old:
        changed[data.draw(st.integers(0, old - 1))] = merkle.leaf_hash(b"forged")
        forged = merkle.nodes_of(changed)
        new_root, new_proof = merkle.root(size, forged), merkle.consistency(old, size, forged)
        assert not merkle.verify_consistency(old, old_root, size, new_root, new_proof)
        assert not merkle.verify_consistency(old, old_root, size, new_root, proof)
    assert not merkle.verify_consistency(old, old_root, size, root, [*proof, root])
    assert not merkle.verify_consistency(size + 1, root, size, root, [])


@given(sizes)
def test_nodes_that_are_kept_as_leaves_come_give_the_same_root(size):
    kept = {}
    for number in range(size):
        for level, index, found in merkle.new_nodes(number, HASHES[number], lambda level, index: kept[level, index]):
            assert (level, index) not in kept
            kept[level, index] = found
    node = lambda level, index: kept[level, index]  # noqa: E731
    assert merkle.root(size, node) == merkle.root(size, NODE)
    assert merkle.consistency(size // 2, size, node) == merkle.consistency(size // 2, size, NODE)


def test_a_leaf_that_is_not_there_has_no_proof():
    for index, size in ((0, 0), (3, 3), (-1, 3)):
        with pytest.raises(ValueError, match="no such leaf"):
            merkle.inclusion(index, size, NODE)
