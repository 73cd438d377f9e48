"""A passkey made of software, and the browser around it: answers as both do, or as an attacker would like."""

import hashlib
import json
import secrets
from dataclasses import replace

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from sereno_proto import passkeys
from sereno_proto.passkeys import EDDSA, ES256, RS256, Assertion, Passkey

VERIFIED = 0x05  # user present and verified


class SoftwarePasskey:
    def __init__(self, algorithm: str = ES256, rp_id: str = "approve.example.org", origin: str = "") -> None:
        self._key = {
            ES256: lambda: ec.generate_private_key(ec.SECP256R1()),
            EDDSA: ed25519.Ed25519PrivateKey.generate,
            RS256: lambda: rsa.generate_private_key(65537, 2048),
        }[algorithm]()
        spki = self._key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        self.public_key = Passkey(secrets.token_bytes(32), algorithm, spki, rp_id, origin or f"https://{rp_id}")

    def sign(self, text: bytes, namespace: str) -> str:
        return passkeys.armor(self.assertion(text, namespace))

    def assertion(
        self, text: bytes, namespace: str, *, flags: int = VERIFIED, counter: int = 0, rp_id: str = "", **said: object
    ) -> Assertion:
        """An assertion; `said` overrides the members of the client data, None leaves one out."""
        client = {
            "type": "webauthn.get",
            "challenge": passkeys.encode(passkeys.challenge(text, namespace)),
            "origin": self.public_key.origin,
            "crossOrigin": False,
        } | said
        client_data = json.dumps({key: value for key, value in client.items() if value is not None}).encode()
        rp_digest = hashlib.sha256((rp_id or self.public_key.rp_id).encode()).digest()
        return self.seal(
            Assertion(
                self.public_key.credential_id, rp_digest + bytes([flags]) + counter.to_bytes(4, "big"), client_data, b""
            )
        )

    def seal(self, assertion: Assertion) -> Assertion:
        """The same answer with a signature that fits it."""
        signed = assertion.authenticator_data + hashlib.sha256(assertion.client_data).digest()
        if isinstance(self._key, ed25519.Ed25519PrivateKey):
            signature = self._key.sign(signed)
        elif isinstance(self._key, ec.EllipticCurvePrivateKey):
            signature = self._key.sign(signed, ec.ECDSA(hashes.SHA256()))
        else:
            signature = self._key.sign(signed, padding.PKCS1v15(), hashes.SHA256())
        return replace(assertion, signature=signature)
