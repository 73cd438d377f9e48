"""Our verdict on 200 assertions, good and bad, beside that of py_webauthn, which others rely on.

Where ours is stricter it is by design, and listed: py_webauthn leaves crossOrigin and repeated keys to its caller.
"""

import random
from dataclasses import replace

import pytest
from tests.proto.software_passkey import VERIFIED, SoftwarePasskey

from sereno_proto import passkeys
from sereno_proto.errors import SerenoError
from sereno_proto.passkeys import ALGORITHMS, EDDSA, ES256, RS256
from sereno_proto.sshsig import APPROVE_NAMESPACE, REQUEST_NAMESPACE

webauthn = pytest.importorskip("webauthn", reason="comes with the dev extra")
cbor2 = pytest.importorskip("cbor2")
from cryptography.hazmat.primitives.asymmetric import ec, rsa  # noqa: E402
from cryptography.hazmat.primitives.serialization import load_der_public_key  # noqa: E402
from webauthn.helpers.exceptions import WebAuthnException  # noqa: E402

TEXT = b"sereno plan v1\n"
SEED = 2026
STRICTER = {"inside another page"}


def cose(passkey):
    key = load_der_public_key(passkey.spki)
    if isinstance(key, ec.EllipticCurvePublicKey):
        numbers = key.public_numbers()
        return {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
    if isinstance(key, rsa.RSAPublicKey):
        numbers = key.public_numbers()
        return {1: 3, 3: -257, -1: numbers.n.to_bytes(256, "big"), -2: numbers.e.to_bytes(3, "big")}
    return {1: 1, 3: -8, -1: 6, -2: key.public_bytes_raw()}


def theirs(assertion, passkey):
    credential = {
        "id": passkeys.encode(assertion.credential_id),
        "rawId": passkeys.encode(assertion.credential_id),
        "type": "public-key",
        "response": {
            "authenticatorData": passkeys.encode(assertion.authenticator_data),
            "clientDataJSON": passkeys.encode(assertion.client_data),
            "signature": passkeys.encode(assertion.signature),
        },
    }
    try:
        webauthn.verify_authentication_response(
            credential=credential,
            expected_challenge=passkeys.challenge(TEXT, APPROVE_NAMESPACE),
            expected_rp_id=passkey.rp_id,
            expected_origin=passkey.origin,
            credential_public_key=cbor2.dumps(cose(passkey)),
            credential_current_sign_count=0,
            require_user_verification=True,
        )
    except WebAuthnException:
        return False
    return True


def ours(assertion, passkey):
    try:
        passkeys.verify(TEXT, assertion, passkey, APPROVE_NAMESPACE)
    except SerenoError:
        return False
    return True


def turned(content, chance):
    position = chance.randrange(len(content))
    return content[:position] + bytes([content[position] ^ (1 << chance.randrange(8))]) + content[position + 1 :]


def make(kind, key, chance):
    asked = {
        "good": {},
        "counted": {"counter": chance.randrange(1, 1 << 32)},
        "synchronised": {"flags": VERIFIED | 0x18},
        "backed up, though it never can be": {"flags": VERIFIED | 0x10},
        "only touched": {"flags": 0x01},
        "not touched": {"flags": 0x04},
        "another site's": {"rp_id": "evil.example"},
        "another origin": {"origin": "https://evil.example"},
        "another challenge": {"challenge": passkeys.encode(chance.randbytes(32))},
        "no challenge": {"challenge": None},
        "a registration": {"type": "webauthn.create"},
        "inside another page": {"crossOrigin": True},
    }
    if kind in asked:
        return key.assertion(TEXT, APPROVE_NAMESPACE, **asked[kind])
    if kind == "another purpose":
        return key.assertion(TEXT, REQUEST_NAMESPACE)
    if kind == "another key":
        return SoftwarePasskey(key.public_key.algorithm).seal(key.assertion(TEXT, APPROVE_NAMESPACE))
    assertion = key.assertion(TEXT, APPROVE_NAMESPACE)
    part = kind.removesuffix(" turned")
    return replace(assertion, **{part: turned(getattr(assertion, part), chance)})


KINDS = (
    *("good", "counted", "synchronised", "backed up, though it never can be", "only touched", "not touched"),
    *("another site's", "another origin", "another challenge", "no challenge", "a registration", "inside another page"),
    *("another purpose", "another key", "signature turned", "authenticator_data turned", "client_data turned"),
)


def test_two_hundred_assertions_get_the_same_verdict():
    chance = random.Random(SEED)
    keys = [SoftwarePasskey(algorithm) for algorithm in (ES256, EDDSA, RS256)]
    assert {key.public_key.algorithm for key in keys} == set(ALGORITHMS)
    verdicts = []
    for number in range(200):
        kind = "good" if number % 4 == 0 else KINDS[number % len(KINDS)]
        key = keys[number % 3]
        assertion = make(kind, key, chance)
        verdicts.append((kind, ours(assertion, key.public_key), theirs(assertion, key.public_key)))
    assert {kind for kind, mine, their in verdicts if mine != their} <= STRICTER
    assert not [kind for kind, mine, _ in verdicts if mine and kind not in KINDS[:3]]
    assert sum(mine for _, mine, _ in verdicts) > 50
