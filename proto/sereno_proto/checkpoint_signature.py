"""Signing checkpoints and checking them: signed notes with Ed25519 (C2SP signed-note)."""

import base64
import binascii
import hashlib
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from sereno_proto.checkpoint import SIGNATURE, Checkpoint, read_checkpoint
from sereno_proto.errors import BadInput

NAME: Final = "sereno-server"
_ED25519: Final = b"\x01"
_ID_BYTES: Final = 4


def sign_checkpoint(checkpoint: Checkpoint, key: Ed25519PrivateKey) -> bytes:
    """The signed note."""
    sealed = _key_id(key.public_key()) + key.sign(checkpoint.body)
    return checkpoint.body + f"\n{SIGNATURE}{NAME} {base64.b64encode(sealed).decode()}\n".encode()


def verifier_key(key: Ed25519PublicKey) -> str:
    """`sereno-server+1a2b3c4d+BASE64`, as other tools for signed notes take it."""
    content = base64.b64encode(_ED25519 + key.public_bytes_raw()).decode()
    return f"{NAME}+{_key_id(key).hex()}+{content}"


def read_verifier_key(text: str) -> Ed25519PublicKey:
    """Reads what verifier_key wrote; raises BadInput with E_CHECKPOINT."""
    words = text.split("+", 2)
    try:
        content = base64.b64decode(words[2], validate=True)
        key = Ed25519PublicKey.from_public_bytes(content.removeprefix(_ED25519))
    except (IndexError, ValueError) as error:
        raise BadInput("E_CHECKPOINT", "that is no verifier key") from error
    if verifier_key(key) != text:
        raise BadInput("E_CHECKPOINT", "that is no verifier key of a Sereno server")
    return key


def verify_checkpoint(text: bytes, key: Ed25519PublicKey) -> Checkpoint:
    """Gives the checkpoint when the key signed it; raises BadInput with E_CHECKPOINT."""
    checkpoint = read_checkpoint(text)
    for line in text.partition(b"\n\n")[2].decode().splitlines():
        name, _, encoded = line.removeprefix(SIGNATURE).partition(" ")
        try:
            sealed = base64.b64decode(encoded, validate=True)
            if name == NAME and sealed[:_ID_BYTES] == _key_id(key):
                key.verify(sealed[_ID_BYTES:], checkpoint.body)
                return checkpoint
        except (InvalidSignature, binascii.Error, ValueError):
            break
    raise BadInput("E_CHECKPOINT", "the checkpoint is not signed by this server's key")


def _key_id(key: Ed25519PublicKey) -> bytes:
    return hashlib.sha256(NAME.encode() + b"\n" + _ED25519 + key.public_bytes_raw()).digest()[:_ID_BYTES]
