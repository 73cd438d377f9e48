"""The root document: the keys that speak for an organisation. Its digest is the organisation's id."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sereno_proto import documents, sshsig
from sereno_proto.errors import BadInput, Refused
from sereno_proto.keys import PublicKey, parse_public
from sereno_proto.limits import ROOT_KEYS_MAX, SIGNATURES_MAX

KIND: Final = documents.Kind("root", 1, ("name", "threshold"), patterned=(r"key\.[1-9][0-9]?",))


@dataclass(frozen=True)
class Root:
    """An organisation's name, its root keys, and how many of them must sign."""

    name: str
    threshold: int
    keys: tuple[PublicKey, ...]


def write_root(root: Root) -> bytes:
    """Gives the document's bytes; raises BadInput when the root makes no sense."""
    check_root(root)
    fields = {"name": root.name, "threshold": str(root.threshold)}
    fields |= {f"key.{number}": key.line for number, key in enumerate(root.keys, 1)}
    return documents.write(KIND, fields)


def read_root(text: bytes) -> Root:
    """Reads the document. Says nothing about its signatures."""
    fields = documents.read(text, KIND)
    root = Root(
        name=fields["name"],
        threshold=documents.read_integer(fields["threshold"]),
        keys=tuple(parse_public(value) for key, value in fields.items() if key.startswith("key.")),
    )
    if write_root(root) != text:
        raise BadInput("E_DOCUMENT", "the root document is not written in the usual order")
    return root


def verify_root(text: bytes, signatures: Sequence[str]) -> Root:
    """Gives the root when enough of its own keys signed it; raises E_ROOT_THRESHOLD or the signature's own code."""
    root = read_root(text)
    require_root_keys(root, text, signatures, sshsig.ROOT_NAMESPACE)
    return root


def require_root_keys(root: Root, text: bytes, signatures: Sequence[str], namespace: str) -> None:
    """Raises unless at least the threshold of distinct root keys, and no other key, signed the text."""
    if len(signatures) > SIGNATURES_MAX:
        raise BadInput("E_LIMIT", f"at most {SIGNATURES_MAX} signatures are looked at")
    signed = {sshsig.verify(text, signature, namespace) for signature in signatures}
    for key in signed:
        if key not in root.keys:
            raise Refused("E_ROOT_KEY", f"{key.fingerprint} is no key of the root")
    if len(signed) < root.threshold:
        raise Refused("E_ROOT_THRESHOLD", f"{len(signed)} of {root.threshold} root keys signed")


def check_root(root: Root) -> None:
    """Raises E_DOCUMENT when its keys and threshold make no sense."""
    if not 1 <= len(root.keys) <= ROOT_KEYS_MAX:
        raise BadInput("E_DOCUMENT", f"a root has 1 to {ROOT_KEYS_MAX} keys")
    if len(set(root.keys)) != len(root.keys):
        raise BadInput("E_DOCUMENT", "a root names each of its keys once")
    if not 1 <= root.threshold <= len(root.keys):
        raise BadInput("E_DOCUMENT", f"the threshold is 1 to {len(root.keys)}, the number of root keys")
