"""SSHSIG: what `ssh-keygen -Y sign` writes and `ssh-keygen -Y verify` reads (OpenSSH's PROTOCOL.sshsig).

A signature names its own key, so `verify` says who signed; whether that key may is the caller's question. The namespace
is a constant of the program that verifies, never taken from a message: a signature for one purpose is none for another.
"""

import base64
import binascii
import hashlib
import os
import re
from pathlib import Path
from typing import Final, Protocol

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from sereno_proto.errors import BadInput
from sereno_proto.keys import ECDSA_P256, ED25519, RSA, PublicKey, parse_blob, parse_public, verify_key
from sereno_proto.limits import SIGNATURE_CHARS_MAX
from sereno_proto.wire import Reader, mpint, string

ROOT_NAMESPACE: Final = "sereno-root-v1"
NEXT_ROOT_NAMESPACE: Final = "sereno-next-root-v1"  # the keys of the root before, and of the next one itself
ROSTER_NAMESPACE: Final = "sereno-roster-v1"
JOIN_NAMESPACE: Final = "sereno-join-v1"
PLAN_NAMESPACE: Final = "sereno-plan-v1"  # the device's identity key over the plan that it issued
REQUEST_NAMESPACE: Final = "sereno-request-v1"  # the requester over the plan's text
APPROVE_NAMESPACE: Final = "sereno-approve-v1"  # an approver over the plan's text
BOUNDS_REQUEST_NAMESPACE: Final = "sereno-bounds-request-v1"
BOUNDS_APPROVE_NAMESPACE: Final = "sereno-bounds-approve-v1"
STANDING_REQUEST_NAMESPACE: Final = "sereno-standing-request-v1"
STANDING_APPROVE_NAMESPACE: Final = "sereno-standing-approve-v1"
PASSKEY_NAMESPACE: Final = "sereno-passkey-v1"  # a person's approve key over the statement that a passkey is theirs too
NAME_NAMESPACE: Final = "sereno-name-v1"  # a registrar over the statement that a device has a name
DENY_NAMESPACE: Final = "sereno-deny-v1"  # a person's approve key over the denial of a plan or grant
LOGIN_NAMESPACE: Final = "sereno-login-v1"

_MAGIC: Final = b"SSHSIG"
_VERSION: Final = 1
_HASHES: Final = {"sha256": hashlib.sha256, "sha512": hashlib.sha512}
_ARMOR: Final = re.compile(
    r"-----BEGIN SSH SIGNATURE-----\r?\n([A-Za-z0-9+/=\r\n]+)-----END SSH SIGNATURE-----", re.ASCII
)
_RSA_FORMAT: Final = "rsa-sha2-512"
_LINE_CHARS: Final = 70
_USER_PRESENT: Final = 0x01  # the flag of a token that was touched (FIDO CTAP, authenticator data)


class Signer(Protocol):
    """A key that signs: a file, an agent, a token."""

    @property
    def public_key(self) -> PublicKey:
        """Who signs."""
        ...

    def sign(self, message: bytes, namespace: str) -> str:
        """Gives the armored signature."""
        ...


def verify(message: bytes, armored: str, namespace: str) -> PublicKey:
    """Gives the key that signed these very bytes for this purpose.

    Raises BadInput: E_SIGNATURE_FORMAT, E_KEY_TYPE, E_NAMESPACE, E_SIGNATURE_INVALID.
    """
    reader = Reader(_unarmor(armored), "E_SIGNATURE_FORMAT")
    if reader.take(len(_MAGIC)) != _MAGIC or reader.uint32() != _VERSION:
        raise BadInput("E_SIGNATURE_FORMAT", "not an SSHSIG of version 1")
    key = parse_blob(reader.string())
    found, reserved, hash_name, signature = reader.text(), reader.string(), reader.text(), reader.string()
    reader.end()
    if reserved or hash_name not in _HASHES:
        raise BadInput("E_SIGNATURE_FORMAT", "the signature uses a part of the format that is not accepted")
    if found != namespace:
        raise BadInput("E_NAMESPACE", f"signed for '{found[:40]}', needed is '{namespace}'")
    try:
        _verify_signature(key, signature, _signed_data(message, namespace, hash_name))
    except (InvalidSignature, UnsupportedAlgorithm, ValueError) as error:
        raise BadInput("E_SIGNATURE_INVALID", f"the signature of {key.fingerprint} does not fit the text") from error
    return key


def armor(key: PublicKey, namespace: str, signature: bytes, hash_name: str = "sha512") -> str:
    """Puts a raw SSH signature (format and blob) over `signed_data` into the armored form."""
    blob = (
        _MAGIC
        + _VERSION.to_bytes(4, "big")
        + string(key.blob)
        + string(namespace.encode())
        + string(b"")
        + string(hash_name.encode())
        + string(signature)
    )
    text = base64.b64encode(blob).decode()
    lines = [text[start : start + _LINE_CHARS] for start in range(0, len(text), _LINE_CHARS)]
    return "\n".join(["-----BEGIN SSH SIGNATURE-----", *lines, "-----END SSH SIGNATURE-----", ""])


def signed_data(message: bytes, namespace: str) -> bytes:
    """What a key, or an ssh-agent on its behalf, really signs: the purpose and the text's SHA-512."""
    return _signed_data(message, namespace, "sha512")


class FileSigner:
    """Signs with an OpenSSH private key file."""

    def __init__(self, path: Path, passphrase: bytes | None = None) -> None:
        try:
            key = serialization.load_ssh_private_key(path.read_bytes(), passphrase)
        except OSError as error:
            raise BadInput("E_KEY_FILE", f"{path}: {error.strerror}") from error
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise BadInput("E_KEY_FILE", f"{path}: {error}") from error
        line = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
        self.public_key = parse_public(line.decode())
        self._key = key

    def sign(self, message: bytes, namespace: str) -> str:
        """Gives the armored signature."""
        return armor(self.public_key, namespace, self._signature(signed_data(message, namespace)))

    def _signature(self, content: bytes) -> bytes:
        if isinstance(self._key, ed25519.Ed25519PrivateKey):
            return string(ED25519.encode()) + string(self._key.sign(content))
        if isinstance(self._key, ec.EllipticCurvePrivateKey):
            r, s = decode_dss_signature(self._key.sign(content, ec.ECDSA(hashes.SHA256())))
            return string(ECDSA_P256.encode()) + string(mpint(r) + mpint(s))
        assert isinstance(self._key, rsa.RSAPrivateKey)
        signature = self._key.sign(content, padding.PKCS1v15(), hashes.SHA512())
        return string(_RSA_FORMAT.encode()) + string(signature)


def generate(path: Path, passphrase: bytes | None = None) -> FileSigner:
    """Makes a new Ed25519 key in a file that only its owner can read; never writes over an existing one."""
    encryption = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    content = ed25519.Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, encryption
    )
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise BadInput("E_KEY_FILE", f"{path}: {error.strerror}") from error
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)
    return FileSigner(path, passphrase)


def _unarmor(armored: str) -> bytes:
    if len(armored) > SIGNATURE_CHARS_MAX:
        raise BadInput("E_SIGNATURE_FORMAT", f"a signature has at most {SIGNATURE_CHARS_MAX} characters")
    match = _ARMOR.fullmatch(armored.strip())
    if match is None:
        raise BadInput("E_SIGNATURE_FORMAT", "the signature lacks its BEGIN or END line")
    try:
        return base64.b64decode(match[1].replace("\r", "").replace("\n", ""), validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadInput("E_SIGNATURE_FORMAT", "the signature is not base64") from error


def _signed_data(message: bytes, namespace: str, hash_name: str) -> bytes:
    digest = _HASHES[hash_name](message).digest()
    return _MAGIC + string(namespace.encode()) + string(b"") + string(hash_name.encode()) + string(digest)


def _verify_signature(key: PublicKey, signature: bytes, content: bytes) -> None:
    reader = Reader(signature, "E_SIGNATURE_FORMAT")
    signature_format, blob = reader.text(), reader.string()
    if signature_format != (_RSA_FORMAT if key.type == RSA else key.type):
        raise BadInput("E_SIGNATURE_FORMAT", f"a {key.type} key does not sign as '{signature_format[:40]}'")
    if key.touch:
        flags = reader.byte()
        counter = reader.take(4)
        if not flags & _USER_PRESENT:
            raise BadInput("E_SIGNATURE_INVALID", "the token was not touched")
        content = (
            hashlib.sha256(key.application.encode()).digest()
            + bytes([flags])
            + counter
            + hashlib.sha256(content).digest()
        )
    reader.end()
    public = verify_key(key)
    if isinstance(public, ed25519.Ed25519PublicKey):
        public.verify(blob, content)
    elif isinstance(public, rsa.RSAPublicKey):
        public.verify(blob, content, padding.PKCS1v15(), hashes.SHA512())
    else:
        numbers = Reader(blob, "E_SIGNATURE_FORMAT")
        r, s = numbers.mpint(), numbers.mpint()
        numbers.end()
        public.verify(encode_dss_signature(r, s), content, ec.ECDSA(hashes.SHA256()))
