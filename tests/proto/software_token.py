"""A hardware token made of software: signs in the sk- formats, touched or not."""

import hashlib

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from sereno_proto import sshsig
from sereno_proto.keys import SK_ECDSA_P256, SK_ED25519, parse_blob
from sereno_proto.wire import mpint, string


class SoftwareToken:
    def __init__(self, kind: str = SK_ED25519, application: str = "ssh:", flags: int = 1) -> None:
        self.flags = flags
        self.application = application
        if kind == SK_ED25519:
            self._key = ed25519.Ed25519PrivateKey.generate()
            raw = self._key.public_key().public_bytes_raw()
            fields = string(raw)
        else:
            self._key = ec.generate_private_key(ec.SECP256R1())
            point = self._key.public_key().public_bytes(
                serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
            )
            fields = string(b"nistp256") + string(point)
        self.kind = kind
        self.public_key = parse_blob(string(kind.encode()) + fields + string(application.encode()))
        assert kind in {SK_ED25519, SK_ECDSA_P256}

    def sign(self, message: bytes, namespace: str) -> str:
        content = sshsig.signed_data(message, namespace)
        tail = bytes([self.flags]) + (7).to_bytes(4, "big")
        signed = hashlib.sha256(self.application.encode()).digest() + tail + hashlib.sha256(content).digest()
        if isinstance(self._key, ed25519.Ed25519PrivateKey):
            blob = self._key.sign(signed)
        else:
            r, s = decode_dss_signature(self._key.sign(signed, ec.ECDSA(hashes.SHA256())))
            blob = mpint(r) + mpint(s)
        return sshsig.armor(self.public_key, namespace, string(self.kind.encode()) + string(blob) + tail)
