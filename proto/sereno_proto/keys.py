"""Public keys in OpenSSH's format: Ed25519, ECDSA P-256, RSA of 3072 bits and more, and both kinds of sk- key."""

import base64
import binascii
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from sereno_proto.errors import BadInput
from sereno_proto.limits import PUBLIC_KEY_CHARS_MAX, RSA_BITS_MAX, RSA_BITS_MIN
from sereno_proto.wire import Reader, string

ED25519: Final = "ssh-ed25519"
ECDSA_P256: Final = "ecdsa-sha2-nistp256"
RSA: Final = "ssh-rsa"
SK_ED25519: Final = "sk-ssh-ed25519@openssh.com"
SK_ECDSA_P256: Final = "sk-ecdsa-sha2-nistp256@openssh.com"

VerifyKey = ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey | rsa.RSAPublicKey


@dataclass(frozen=True)
class PublicKey:
    """A key as a document names it. Two keys are one when their blobs are; a comment is no part of it."""

    type: str
    blob: bytes
    application: str = field(default="", compare=False)  # of sk- keys: "ssh:…"

    @property
    def line(self) -> str:
        """`ssh-ed25519 AAAA…`, without a comment."""
        return f"{self.type} {base64.b64encode(self.blob).decode()}"

    @property
    def fingerprint(self) -> str:
        """`SHA256:…`, as ssh-keygen -l prints it."""
        return "SHA256:" + base64.b64encode(hashlib.sha256(self.blob).digest()).decode().rstrip("=")

    @property
    def touch(self) -> bool:
        """Whether the key sits in a token that signs only when touched."""
        return self.type in {SK_ED25519, SK_ECDSA_P256}

    def raw_ed25519(self) -> bytes:
        """The 32 bytes of an Ed25519 key, whose digest is a device's id; E_KEY_TYPE for another type."""
        if self.type != ED25519:
            raise BadInput("E_KEY_TYPE", f"a device's identity is an Ed25519 key, not {self.type}")
        return self.blob[-32:]


def parse_public(line: str) -> PublicKey:
    """Reads `type base64 [comment]`, one line of a .pub file. Raises E_KEY_TYPE for anything not accepted here."""
    words = line.split(maxsplit=2)
    if len(line) > PUBLIC_KEY_CHARS_MAX or len(words) < 2 or "\n" in line.strip():  # noqa: PLR2004
        raise BadInput("E_KEY_TYPE", "a public key is one line: type, base64, comment")
    try:
        blob = base64.b64decode(words[1], validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadInput("E_KEY_TYPE", "a public key's second word is base64") from error
    if base64.b64encode(blob).decode() != words[1]:
        raise BadInput("E_KEY_TYPE", "a public key's base64 is written in an unusual way")
    key = parse_blob(blob)
    if key.type != words[0]:
        raise BadInput("E_KEY_TYPE", f"the line says {words[0][:40]}, the key inside is {key.type}")
    return key


def parse_blob(blob: bytes) -> PublicKey:
    """Reads a key blob to its last byte; raises E_KEY_TYPE when it is of another type, too weak or malformed."""
    return _read(blob)[0]


def verify_key(key: PublicKey) -> VerifyKey:
    """The key as `cryptography` verifies with it."""
    return _read(key.blob)[1]


def from_ed25519_bytes(raw: bytes) -> PublicKey:
    """The key of 32 raw bytes, as a join request carries it."""
    return parse_blob(string(ED25519.encode()) + string(raw))


def _read(blob: bytes) -> tuple[PublicKey, VerifyKey]:
    reader = Reader(blob, "E_KEY_TYPE")
    kind = reader.text()
    read = _READERS.get(kind)
    if read is None:
        raise BadInput("E_KEY_TYPE", f"keys of type '{kind[:40]}' are not accepted")
    try:
        key = read(reader)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise BadInput("E_KEY_TYPE", f"not a usable {kind} key") from error
    application = ""
    if kind in {SK_ED25519, SK_ECDSA_P256}:
        application = reader.text()
        if not application.startswith("ssh:"):
            raise BadInput("E_KEY_TYPE", "the token's key was not made for SSH")
    reader.end()
    return PublicKey(kind, blob, application), key


def _read_ed25519(reader: Reader) -> VerifyKey:
    return ed25519.Ed25519PublicKey.from_public_bytes(reader.string())


def _read_ecdsa(reader: Reader) -> VerifyKey:
    if reader.text() != "nistp256":
        raise BadInput("E_KEY_TYPE", "of the ECDSA curves only P-256 is accepted")
    point = reader.string()
    if len(point) != 65 or point[0] != 4:  # noqa: PLR2004  an uncompressed point of two 32-byte coordinates
        raise BadInput("E_KEY_TYPE", "the key's point is not in its usual form")
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)


def _read_rsa(reader: Reader) -> VerifyKey:
    exponent, modulus = reader.mpint(), reader.mpint()
    if not RSA_BITS_MIN <= modulus.bit_length() <= RSA_BITS_MAX:
        raise BadInput("E_KEY_TYPE", f"an RSA key has {RSA_BITS_MIN} to {RSA_BITS_MAX} bits")
    if exponent.bit_length() > 32:  # noqa: PLR2004  larger ones only cost time
        raise BadInput("E_KEY_TYPE", "the RSA key's exponent is too large")
    return rsa.RSAPublicNumbers(exponent, modulus).public_key()


_READERS: Final[dict[str, Callable[[Reader], VerifyKey]]] = {
    ED25519: _read_ed25519,
    SK_ED25519: _read_ed25519,
    ECDSA_P256: _read_ecdsa,
    SK_ECDSA_P256: _read_ecdsa,
    RSA: _read_rsa,
}
