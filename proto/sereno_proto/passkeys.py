"""Passkeys that sign documents: WebAuthn assertions, verified offline (W3C Web Authentication level 3, section 7.2).

The challenge is `SHA-256(namespace, NUL, text)`, so what an authenticator signs is bound to these very bytes and to
their purpose. The page that asked for it is named by the browser: an assertion counts only from the exact origin and
for the RP id that stand beside the key on the roster, never from inside another page, and only when the authenticator
verified its user. A signature counter of 0, as synchronised passkeys send it, is accepted; a counter is never kept.

An assertion travels armored, as an SSHSIG does: base64 of four strings (RFC 4251): credential id, authenticator data,
client data, signature.
"""

import base64
import binascii
import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from sereno_proto.errors import BadInput
from sereno_proto.limits import (
    CLIENT_DATA_BYTES_MAX,
    CREDENTIAL_BYTES_MAX,
    ORIGIN_CHARS_MAX,
    PASSKEY_RSA_BITS_MIN,
    PUBLIC_KEY_CHARS_MAX,
    RSA_BITS_MAX,
    SIGNATURE_CHARS_MAX,
)
from sereno_proto.wire import Reader, string

ES256: Final = "ES256"
EDDSA: Final = "EdDSA"
RS256: Final = "RS256"
ALGORITHMS: Final = {ES256: -7, EDDSA: -8, RS256: -257}  # COSE numbers, which a browser is asked for

_KIND: Final = "passkey"
_ARMOR: Final = re.compile(
    r"-----BEGIN SERENO PASSKEY ASSERTION-----\r?\n([A-Za-z0-9+/=\r\n]+)-----END SERENO PASSKEY ASSERTION-----",
    re.ASCII,
)
_BEGIN: Final = "-----BEGIN SERENO PASSKEY ASSERTION-----"
_LINE_CHARS: Final = 70
_HOST: Final = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*", re.ASCII
)
_ORIGIN: Final = re.compile(r"(https?)://([a-z0-9.-]+)(:[1-9][0-9]{0,4})?", re.ASCII)
_USER_PRESENT: Final = 0x01
_USER_VERIFIED: Final = 0x04
_BACKUP_ELIGIBLE: Final = 0x08
_BACKED_UP: Final = 0x10
_ATTESTED: Final = 0x40
_EXTENSIONS: Final = 0x80
_HEAD_BYTES: Final = 37  # RP id's digest, flags, counter

VerifyKey = ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey | rsa.RSAPublicKey


@dataclass(frozen=True)
class Passkey:
    """A passkey as the roster names it: its credential, its public key, and the one page that it signs for."""

    credential_id: bytes
    algorithm: str
    spki: bytes  # the public key, DER
    rp_id: str
    origin: str

    @property
    def line(self) -> str:
        """`passkey ES256 CREDENTIAL SPKI RP-ID ORIGIN`, both binary parts in base64url."""
        return f"{_KIND} {self.algorithm} {encode(self.credential_id)} {encode(self.spki)} {self.rp_id} {self.origin}"

    @property
    def fingerprint(self) -> str:
        """`SHA256:…` of the public key, to be compared by eye."""
        return "SHA256:" + base64.b64encode(hashlib.sha256(self.spki).digest()).decode().rstrip("=")

    @property
    def blob(self) -> bytes:
        """What makes two passkeys one: their public key."""
        return self.spki

    @property
    def touch(self) -> bool:
        """Whether somebody has to be there: always, and the authenticator verifies who."""
        return True


@dataclass(frozen=True)
class Assertion:
    """What an authenticator answered."""

    credential_id: bytes
    authenticator_data: bytes
    client_data: bytes  # JSON, as the browser wrote it
    signature: bytes


def is_passkey(line: str) -> bool:
    """Whether a key's line is a passkey's."""
    return line.startswith(f"{_KIND} ")


def parse_passkey(line: str) -> Passkey:
    """Reads what `Passkey.line` wrote and nothing else. Raises BadInput with E_KEY_TYPE."""
    words = line.split(" ")
    if len(line) > PUBLIC_KEY_CHARS_MAX or len(words) != 6 or words[0] != _KIND:  # noqa: PLR2004
        raise BadInput("E_KEY_TYPE", "a passkey is: passkey ALGORITHM CREDENTIAL SPKI RP-ID ORIGIN")
    passkey = Passkey(_decode(words[2]), words[1], _decode(words[3]), words[4], words[5])
    _check(passkey)
    if passkey.line != line:
        raise BadInput("E_KEY_TYPE", "the passkey is written in an unusual way")
    return passkey


def challenge(text: bytes, namespace: str) -> bytes:
    """What an authenticator is asked to sign for this text and purpose: 32 bytes."""
    return hashlib.sha256(namespace.encode() + b"\0" + text).digest()


def is_assertion(armored: str) -> bool:
    """Whether an armored signature says that it is a passkey's."""
    return armored.lstrip().startswith(_BEGIN)


def armor(assertion: Assertion) -> str:
    """The assertion as it travels."""
    parts = (assertion.credential_id, assertion.authenticator_data, assertion.client_data, assertion.signature)
    text = base64.b64encode(b"".join(string(part) for part in parts)).decode()
    lines = [text[start : start + _LINE_CHARS] for start in range(0, len(text), _LINE_CHARS)]
    return "\n".join([_BEGIN, *lines, "-----END SERENO PASSKEY ASSERTION-----", ""])


def unarmor(armored: str) -> Assertion:
    """Reads an armored assertion; raises BadInput with E_SIGNATURE_FORMAT."""
    if len(armored) > SIGNATURE_CHARS_MAX:
        raise BadInput("E_SIGNATURE_FORMAT", f"a signature has at most {SIGNATURE_CHARS_MAX} characters")
    match = _ARMOR.fullmatch(armored.strip())
    if match is None:
        raise BadInput("E_SIGNATURE_FORMAT", "the assertion lacks its BEGIN or END line")
    try:
        blob = base64.b64decode(match[1].replace("\r", "").replace("\n", ""), validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadInput("E_SIGNATURE_FORMAT", "the assertion is not base64") from error
    reader = Reader(blob, "E_SIGNATURE_FORMAT")
    assertion = Assertion(reader.string(), reader.string(), reader.string(), reader.string())
    reader.end()
    return assertion


def verify(text: bytes, assertion: Assertion, passkey: Passkey, namespace: str) -> None:
    """Returns when the passkey's holder signed these very bytes for this purpose, on the passkey's own page.

    Raises BadInput: E_KEY_UNKNOWN (another credential), E_SIGNATURE_FORMAT, E_PASSKEY_TYPE, E_PASSKEY_CHALLENGE,
    E_PASSKEY_ORIGIN, E_PASSKEY_CROSS_ORIGIN, E_PASSKEY_RP, E_PASSKEY_UNVERIFIED, E_SIGNATURE_INVALID.
    """
    if assertion.credential_id != passkey.credential_id:
        raise BadInput("E_KEY_UNKNOWN", "the assertion is of another passkey")
    _check_client_data(assertion.client_data, challenge(text, namespace), passkey.origin)
    _check_authenticator_data(assertion.authenticator_data, passkey.rp_id)
    signed = assertion.authenticator_data + hashlib.sha256(assertion.client_data).digest()
    try:
        _verify_signature(passkey, assertion.signature, signed)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError) as error:
        raise BadInput("E_SIGNATURE_INVALID", f"the assertion of {passkey.fingerprint} does not fit") from error


def encode(content: bytes) -> str:
    """base64url without padding, as WebAuthn writes bytes."""
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def _decode(text: str) -> bytes:
    try:
        content = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadInput("E_KEY_TYPE", f"'{text[:40]}' is not base64url") from error
    if encode(content) != text:
        raise BadInput("E_KEY_TYPE", f"'{text[:40]}' is not written as base64url usually is")
    return content


def _check_client_data(client_data: bytes, expected: bytes, origin: str) -> None:
    said = _read_client_data(client_data)
    if said.get("type") != "webauthn.get":
        raise BadInput("E_PASSKEY_TYPE", f"the assertion is a '{str(said.get('type'))[:40]}'")
    if said.get("challenge") != encode(expected):
        raise BadInput("E_PASSKEY_CHALLENGE", "the assertion was made for another text or purpose")
    if said.get("origin") != origin:
        raise BadInput("E_PASSKEY_ORIGIN", f"made on {str(said.get('origin'))[:80]}, the roster says {origin}")
    if said.get("crossOrigin", False) is not False or "topOrigin" in said:
        raise BadInput(
            "E_PASSKEY_CROSS_ORIGIN", f"made inside a page of {str(said.get('topOrigin', 'another origin'))[:80]}"
        )


def _read_client_data(client_data: bytes) -> dict[str, Any]:
    """The JSON object, no key of it twice: two readers must never find two meanings."""
    if len(client_data) > CLIENT_DATA_BYTES_MAX:
        raise BadInput("E_SIGNATURE_FORMAT", f"client data has at most {CLIENT_DATA_BYTES_MAX} bytes")

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) != len(pairs):
            raise BadInput("E_SIGNATURE_FORMAT", "the client data repeats a key")
        return dict(pairs)

    try:
        said = json.loads(client_data.decode(), object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:
        raise BadInput("E_SIGNATURE_FORMAT", "the client data is not JSON") from error
    if not isinstance(said, dict):
        raise BadInput("E_SIGNATURE_FORMAT", "the client data is not a JSON object")
    return said


def _check_authenticator_data(content: bytes, rp_id: str) -> None:
    if len(content) < _HEAD_BYTES:
        raise BadInput("E_SIGNATURE_FORMAT", "the authenticator data is cut short")
    flags = content[32]
    if content[:32] != hashlib.sha256(rp_id.encode()).digest():
        raise BadInput("E_PASSKEY_RP", f"the assertion is not for {rp_id}")
    if not flags & _USER_PRESENT or not flags & _USER_VERIFIED:
        raise BadInput("E_PASSKEY_UNVERIFIED", "the authenticator did not verify its user")
    if flags & _BACKED_UP and not flags & _BACKUP_ELIGIBLE:
        raise BadInput("E_SIGNATURE_FORMAT", "the authenticator's flags contradict each other")
    if flags & _ATTESTED or bool(flags & _EXTENSIONS) != (len(content) > _HEAD_BYTES):
        raise BadInput("E_SIGNATURE_FORMAT", "the authenticator data is not an assertion's")


def _verify_signature(passkey: Passkey, signature: bytes, signed: bytes) -> None:
    key = _public_key(passkey)
    if isinstance(key, ed25519.Ed25519PublicKey):
        key.verify(signature, signed)
    elif isinstance(key, rsa.RSAPublicKey):
        key.verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
    else:
        key.verify(signature, signed, ec.ECDSA(hashes.SHA256()))


def _check(passkey: Passkey) -> None:
    if not 1 <= len(passkey.credential_id) <= CREDENTIAL_BYTES_MAX:
        raise BadInput("E_KEY_TYPE", f"a credential id has 1 to {CREDENTIAL_BYTES_MAX} bytes")
    _public_key(passkey)
    if not origin_of(passkey.origin, passkey.rp_id):
        raise BadInput("E_KEY_TYPE", f"'{passkey.origin[:80]}' is no origin that may use '{passkey.rp_id[:80]}'")


def origin_of(origin: str, rp_id: str) -> bool:
    """Whether a page of this origin may use keys of this RP id: a secure one, of the same name or below it."""
    match = _ORIGIN.fullmatch(origin)
    if match is None or len(origin) > ORIGIN_CHARS_MAX or _HOST.fullmatch(rp_id) is None:
        return False
    scheme, host, _ = match.groups()
    if _HOST.fullmatch(host) is None or rp_id.replace(".", "").isdigit():
        return False
    local = host == "localhost" or host.endswith(".localhost")
    return (
        (scheme == "https" or local)
        and (host == rp_id or host.endswith(f".{rp_id}"))
        and bool(urlsplit(origin).hostname)
    )


def _public_key(passkey: Passkey) -> VerifyKey:
    """The key as `cryptography` verifies with it; E_KEY_TYPE when it is not what the algorithm says."""
    try:
        key = load_der_public_key(passkey.spki)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise BadInput("E_KEY_TYPE", "the passkey's public key cannot be read") from error
    if key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) != passkey.spki:
        raise BadInput("E_KEY_TYPE", "the passkey's public key is written in an unusual way")
    if passkey.algorithm == EDDSA and isinstance(key, ed25519.Ed25519PublicKey):
        return key
    if (
        passkey.algorithm == ES256
        and isinstance(key, ec.EllipticCurvePublicKey)
        and isinstance(key.curve, ec.SECP256R1)
    ):
        return key
    if (
        passkey.algorithm == RS256
        and isinstance(key, rsa.RSAPublicKey)
        and PASSKEY_RSA_BITS_MIN <= key.key_size <= RSA_BITS_MAX
    ):
        return key
    raise BadInput("E_KEY_TYPE", f"the passkey's public key is none for '{passkey.algorithm[:40]}'")
