"""Roots that follow: handed over by the old keys and taken by the new ones, in one unbroken line."""

from dataclasses import replace

import pytest

from sereno_proto import sshsig
from sereno_proto.errors import SerenoError
from sereno_proto.ids import organisation_id, sha256
from sereno_proto.root import Root, write_root
from sereno_proto.root_chain import NextRoot, SignedRoot, follow, newest_text, read_next_root, write_next_root
from sereno_proto.sshsig import NEXT_ROOT_NAMESPACE, ROOT_NAMESPACE


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys")
    return {name: sshsig.generate(folder / name) for name in ("a", "b", "c", "d", "e", "x")}


def root(keys, threshold, *names):
    return Root("Bakery", threshold, tuple(keys[name].public_key for name in names))


@pytest.fixture
def first(keys):
    return write_root(root(keys, 2, "a", "b", "c"))


def following(keys, first, previous=None, **changes):
    made = NextRoot(organisation_id(first), 2, sha256(previous or first), root(keys, 1, "d", "e"))
    return write_next_root(replace(made, **changes))


def signed(keys, text, names, namespace=NEXT_ROOT_NAMESPACE):
    return SignedRoot(text, tuple(keys[name].sign(text, namespace) for name in names))


def refused(first, later, code):
    with pytest.raises(SerenoError) as caught:
        follow(first, later)
    assert caught.value.code == code


def test_the_old_threshold_and_the_new_one_hand_over(keys, first):
    second = signed(keys, following(keys, first), "abd")
    assert follow(first, [second]) == root(keys, 1, "d", "e")
    text = following(keys, first, previous=second.text, number=3, root=root(keys, 1, "a"))
    third = signed(keys, text, "ea")
    assert follow(first, [second, third]) == root(keys, 1, "a")
    assert newest_text(first, [second, third]) == text
    assert read_next_root(text).organisation_id == organisation_id(first)


@pytest.mark.parametrize(
    ("names", "code"),
    [
        ("ad", "E_ROOT_THRESHOLD"),  # too few of the old
        ("aad", "E_ROOT_THRESHOLD"),  # one of the old, twice
        ("ab", "E_ROOT_THRESHOLD"),  # nobody shows that the new keys are held
        ("de", "E_ROOT_THRESHOLD"),  # the new ones alone
        ("abdx", "E_ROOT_KEY"),
        ("", "E_ROOT_THRESHOLD"),
    ],
)
def test_too_few_or_others_do_not(keys, first, names, code):
    refused(first, [signed(keys, following(keys, first), names)], code)


def test_a_chain_of_another_order_length_or_origin_is_refused(keys, first):
    second = signed(keys, following(keys, first), "abd")
    third = signed(keys, following(keys, first, previous=second.text, number=3, root=root(keys, 1, "a")), "da")
    refused(first, [third], "E_ROOT_CHAIN")
    refused(first, [third, second], "E_ROOT_CHAIN")
    refused(first, [second, second], "E_ROOT_CHAIN")
    refused(write_root(root(keys, 2, "a", "b")), [second], "E_ROOT_CHAIN")
    refused(first, [signed(keys, following(keys, first, organisation_id="org_other"), "abd")], "E_ROOT_CHAIN")
    refused(first, [signed(keys, following(keys, first, number=3), "abd")], "E_ROOT_CHAIN")
    refused(first, [signed(keys, following(keys, first), "abd", ROOT_NAMESPACE)], "E_NAMESPACE")
    refused(first, [SignedRoot(following(keys, first).replace(b"threshold: 1", b"threshold: 2"), second.signatures)],
            "E_SIGNATURE_INVALID")  # fmt: skip
    refused(first, [second] * 40, "E_LIMIT")
    refused(first, [SignedRoot(first, second.signatures)], "E_DOCUMENT_KIND")
