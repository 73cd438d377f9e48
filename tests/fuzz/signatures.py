"""SSHSIG, keys and passkeys: nothing is taken that its key did not sign, whatever is bent."""

import base64
from dataclasses import replace

from tests.fuzz.keys import PASSKEYS, SIGNERS, TOKENS
from tests.fuzz.target import BrokenLaw, add

from sereno_proto import passkeys, sshsig
from sereno_proto.keys import parse_blob, parse_public
from sereno_proto.passkeys import Assertion, parse_passkey
from sereno_proto.sshsig import APPROVE_NAMESPACE, REQUEST_NAMESPACE
from sereno_proto.wire import Reader, string

TEXT = b"sereno plan v1\nplan: pln_1\n"
_SSH = [one.sign(TEXT, APPROVE_NAMESPACE) for one in (*SIGNERS.values(), *TOKENS.values())]
_SSH_BLOBS = [base64.b64decode("".join(one.splitlines()[1:-1])) for one in _SSH]
_ASSERTIONS = [key.assertion(TEXT, APPROVE_NAMESPACE) for key in PASSKEYS.values()]


def attempt_armor(data: bytes) -> bool:
    """The armored form: what is taken holds the very blob that was signed."""
    armored = data.decode("latin-1")
    sshsig.verify(TEXT, armored, APPROVE_NAMESPACE)
    if base64.b64decode("".join(armored.strip().splitlines()[1:-1])) not in _SSH_BLOBS:
        raise BrokenLaw("a signature that no key made")
    return True


def attempt_sshsig(data: bytes) -> bool:
    """The blob within: bent below the armor, where base64 hides nothing."""
    lines = base64.b64encode(data).decode()
    sshsig.verify(TEXT, f"-----BEGIN SSH SIGNATURE-----\n{lines}\n-----END SSH SIGNATURE-----\n", APPROVE_NAMESPACE)
    if data not in _SSH_BLOBS:
        raise BrokenLaw("a signature that no key made")
    return True


def attempt_message(data: bytes) -> bool:
    """Good signatures beside another text."""
    for armored in _SSH:
        sshsig.verify(data, armored, APPROVE_NAMESPACE)
    if data != TEXT:
        raise BrokenLaw("a signature fits another text")
    return True


def attempt_key(data: bytes) -> bool:
    line = data.decode("latin-1")
    key = parse_public(line)
    if line.split()[:2] != key.line.split() or parse_blob(key.blob) != key:
        raise BrokenLaw("taken, and written anew as another key")
    return True


def attempt_passkey(data: bytes) -> bool:
    line = data.decode("latin-1")
    if parse_passkey(line).line != line:
        raise BrokenLaw("taken, and written anew as another passkey")
    return True


def attempt_assertion(data: bytes) -> bool:
    """Four strings, as unarmored: what is taken is one of the answers that were given."""
    reader = Reader(data, "E_SIGNATURE_FORMAT")
    assertion = Assertion(reader.string(), reader.string(), reader.string(), reader.string())
    reader.end()
    return _verified(assertion)


def attempt_assertion_armor(data: bytes) -> bool:
    return _verified(passkeys.unarmor(data.decode("latin-1")))


def attempt_client_data(data: bytes) -> bool:
    """Client data of the attacker's, sealed by the good key: only the exact origin, type and challenge are taken."""
    key = PASSKEYS["ES256"]
    good = key.assertion(TEXT, APPROVE_NAMESPACE)
    taken = key.seal(replace(good, client_data=data))
    passkeys.verify(TEXT, taken, key.public_key, APPROVE_NAMESPACE)
    for wrong in (lambda: passkeys.verify(TEXT + b"x", taken, key.public_key, APPROVE_NAMESPACE),
                  lambda: passkeys.verify(TEXT, taken, key.public_key, REQUEST_NAMESPACE)):  # fmt: skip
        try:
            wrong()
        except Exception:  # noqa: BLE001, any refusal will do
            continue
        raise BrokenLaw("client data that fits two texts")
    needed = (b'"webauthn.get"', passkeys.encode(passkeys.challenge(TEXT, APPROVE_NAMESPACE)).encode())
    if b"\\" not in data and not all(part in data for part in needed):
        raise BrokenLaw("client data without what was asked for")
    return True


def _verified(assertion: Assertion) -> bool:
    key = next((one for one in PASSKEYS.values() if one.public_key.credential_id == assertion.credential_id), None)
    passkeys.verify(TEXT, assertion, (key or PASSKEYS["ES256"]).public_key, APPROVE_NAMESPACE)
    if assertion not in _ASSERTIONS:
        raise BrokenLaw("an assertion that no authenticator made")
    return True


def _strings(one: Assertion) -> bytes:
    return b"".join(map(string, (one.credential_id, one.authenticator_data, one.client_data, one.signature)))


_NAMES = (b"sha256", b"sha512", b"ssh-rsa", b"rsa-sha2-256", b"ssh-ed25519", b"\0\0\0\0", REQUEST_NAMESPACE.encode())
add("sshsig", lambda: _SSH_BLOBS, attempt_sshsig, _NAMES)
add("sshsig_armor", lambda: [one.encode() for one in _SSH], attempt_armor)
add("sshsig_message", lambda: [TEXT], attempt_message)
add(
    "keys",
    lambda: [f"{one.public_key.line} noa@x".encode() for one in (*SIGNERS.values(), *TOKENS.values())],
    attempt_key,
)
add("passkey_line", lambda: [one.public_key.line.encode() for one in PASSKEYS.values()], attempt_passkey)
add("webauthn", lambda: [_strings(one) for one in _ASSERTIONS], attempt_assertion)
add("webauthn_armor", lambda: [passkeys.armor(one).encode() for one in _ASSERTIONS], attempt_assertion_armor)
add(
    "client_data",
    lambda: [one.client_data for one in _ASSERTIONS],
    attempt_client_data,
    (
        b'"topOrigin":"x",',
        b'"crossOrigin":true,',
        b'"crossOrigin":0,',
        b'"type":"webauthn.create",',
        b"\\u0022",
        b"NaN",
    ),
)
