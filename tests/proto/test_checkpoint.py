"""Checkpoints as signed notes: one text each, and only the server's key makes them good."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from sereno_proto.checkpoint import Checkpoint, read_checkpoint
from sereno_proto.checkpoint_signature import read_verifier_key, sign_checkpoint, verifier_key, verify_checkpoint
from sereno_proto.errors import BadInput

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
CHECKPOINT = Checkpoint("org_a", 7, bytes(32))
NOTE = sign_checkpoint(CHECKPOINT, KEY)


@given(st.integers(0, 10**17), st.binary(min_size=32, max_size=32))
def test_a_checkpoint_reads_as_it_was_signed(size, root):
    checkpoint = Checkpoint("org_a", size, root)
    note = sign_checkpoint(checkpoint, KEY)
    assert read_checkpoint(note) == verify_checkpoint(note, KEY.public_key()) == checkpoint


def test_the_form_is_that_of_signed_notes():
    first, size, root, empty, signature, last = NOTE.decode().split("\n")
    assert (first, size, root, empty, last) == ("sereno-ledger/org_a", "7", "A" * 43 + "=", "", "")
    name, encoded = signature.removeprefix("\N{EM DASH} ").split(" ")
    assert (name, len(base64.b64decode(encoded))) == ("sereno-server", 4 + 64)
    assert verifier_key(KEY.public_key()).split("+")[1] == base64.b64decode(encoded)[:4].hex()
    assert read_verifier_key(verifier_key(KEY.public_key())) == KEY.public_key()


@pytest.mark.parametrize(
    "text",
    [
        b"",
        NOTE.replace(b"\n\n", b"\n"),
        NOTE.replace(b"\n7\n", b"\n07\n"),
        NOTE.replace(b"sereno-ledger", b"other-ledger"),
        NOTE.replace(b"A=\n", b"B=\n"),
        NOTE.replace(b"\n\n", b"\nextension\n\n"),
        NOTE[:-1],
        NOTE + b"\xff",
        NOTE + b"x" * 5000,
    ],
)
def test_anything_else_is_not_read(text):
    with pytest.raises(BadInput):
        read_checkpoint(text)


def test_another_key_or_another_body_is_not_verified():
    for note, key in (
        (NOTE, Ed25519PrivateKey.generate()),
        (NOTE.replace(b"\n7\n", b"\n8\n"), KEY),
        (NOTE.partition(b"\n\n")[0] + b"\n\n\xe2\x80\x94 sereno-server AAAA\n", KEY),
        (NOTE.partition(b"\n\n")[0] + b"\n\n\xe2\x80\x94 sereno-server ????\n", KEY),
    ):
        with pytest.raises(BadInput) as caught:
            verify_checkpoint(note, key.public_key())
        assert caught.value.code == "E_CHECKPOINT"


@pytest.mark.parametrize("text", ["", "a+b+c", "sereno-server+00000000+AQ==", verifier_key(KEY.public_key()) + "A"])
def test_what_is_no_verifier_key_is_refused(text):
    with pytest.raises(BadInput):
        read_verifier_key(text)
