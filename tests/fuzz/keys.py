"""Keys for what is fuzzed: made once a process, of every kind."""

import tempfile
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from tests.proto.software_passkey import SoftwarePasskey
from tests.proto.software_token import SoftwareToken

from sereno_proto import sshsig
from sereno_proto.keys import SK_ECDSA_P256, SK_ED25519
from sereno_proto.passkeys import EDDSA, ES256, RS256
from sereno_proto.sshsig import FileSigner


def _file(folder: Path, name: str, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> FileSigner:
    path = folder / name
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption())
    path.write_bytes(key.private_bytes(*form))
    return FileSigner(path)


def _signers() -> dict[str, FileSigner]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        return {
            "ed25519": sshsig.generate(folder / "ed25519"),
            "ecdsa": _file(folder, "ecdsa", ec.generate_private_key(ec.SECP256R1())),
            "rsa": _file(folder, "rsa", rsa.generate_private_key(65537, 3072)),
        }


SIGNERS: Final = _signers()
TOKENS: Final = {kind: SoftwareToken(kind) for kind in (SK_ED25519, SK_ECDSA_P256)}
PASSKEYS: Final = {kind: SoftwarePasskey(kind) for kind in (ES256, EDDSA, RS256)}
