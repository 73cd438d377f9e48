"""Roots that come after the first. The organisation's id stays the digest of the first; the newest signs rosters.

A next root names the digest of the one before it. It counts when enough keys of that one signed it, and enough keys of
its own: the old ones hand over, the new ones show that somebody holds them.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sereno_proto import documents, sshsig
from sereno_proto.errors import BadInput, Refused
from sereno_proto.ids import organisation_id, sha256
from sereno_proto.keys import parse_public
from sereno_proto.limits import ROOT_KEYS_MAX, ROOT_ROTATIONS_MAX
from sereno_proto.root import Root, check_root, read_root

KIND: Final = documents.Kind(
    "next-root", 1, ("organisation", "number", "previous", "name", "threshold"), patterned=(r"key\.[1-9][0-9]?",)
)
_ORGANISATION: Final = re.compile(r"org_[a-z0-9]{1,64}", re.ASCII)
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True)
class SignedRoot:
    """A next root's text and the signatures on it, by keys of the root before and by its own."""

    text: bytes
    signatures: tuple[str, ...]


@dataclass(frozen=True)
class NextRoot:
    """What a next root says. number: 2 for the one after the first."""

    organisation_id: str
    number: int
    previous: str  # sha256:… of the text of the root before
    root: Root


def write_next_root(following: NextRoot) -> bytes:
    """Gives the document's bytes; raises BadInput when it makes no sense."""
    check_root(following.root)
    if _ORGANISATION.fullmatch(following.organisation_id) is None or _DIGEST.fullmatch(following.previous) is None:
        raise BadInput("E_DOCUMENT", "a next root names its organisation and the digest of the root before it")
    if not 2 <= following.number <= ROOT_ROTATIONS_MAX + 1:  # noqa: PLR2004  the first is another kind of document
        raise BadInput("E_DOCUMENT", f"an organisation has at most {ROOT_ROTATIONS_MAX + 1} roots")
    fields = {
        "organisation": following.organisation_id,
        "number": str(following.number),
        "previous": following.previous,
        "name": following.root.name,
        "threshold": str(following.root.threshold),
    }
    fields |= {f"key.{number}": key.line for number, key in enumerate(following.root.keys, 1)}
    return documents.write(KIND, fields)


def read_next_root(text: bytes) -> NextRoot:
    """Reads the document. Says nothing about its signatures or about what it follows."""
    fields = documents.read(text, KIND)
    keys = tuple(parse_public(value) for key, value in fields.items() if key.startswith("key."))
    root = Root(name=fields["name"], threshold=documents.read_integer(fields["threshold"]), keys=keys)
    number = documents.read_integer(fields["number"])
    following = NextRoot(fields["organisation"], number, fields["previous"], root)
    if write_next_root(following) != text:
        raise BadInput("E_DOCUMENT", "the next root is not written in the usual order")
    return following


def follow(first: bytes, later: Sequence[SignedRoot]) -> Root:
    """Gives the newest root of a chain; raises E_ROOT_CHAIN, E_ROOT_THRESHOLD, E_ROOT_KEY or what reading raises."""
    if len(later) > ROOT_ROTATIONS_MAX:
        raise BadInput("E_LIMIT", f"an organisation has at most {ROOT_ROTATIONS_MAX + 1} roots")
    root, text = read_root(first), first
    for number, signed in enumerate(later, 2):
        following = read_next_root(signed.text)
        named = (following.organisation_id, following.number, following.previous)
        if named != (organisation_id(first), number, sha256(text)):
            raise Refused("E_ROOT_CHAIN", f"root {following.number} does not follow root {number - 1} of this chain")
        _require_both(root, following.root, signed)
        root, text = following.root, signed.text
    return root


def newest_text(first: bytes, later: Sequence[SignedRoot]) -> bytes:
    """The text of the newest root, whose digest join codes carry."""
    return later[-1].text if later else first


def _require_both(before: Root, after: Root, signed: SignedRoot) -> None:
    if len(signed.signatures) > 2 * ROOT_KEYS_MAX:
        raise BadInput("E_LIMIT", f"at most {2 * ROOT_KEYS_MAX} signatures are looked at")
    keys = {sshsig.verify(signed.text, one, sshsig.NEXT_ROOT_NAMESPACE) for one in signed.signatures}
    for key in keys:
        if key not in before.keys and key not in after.keys:
            raise Refused("E_ROOT_KEY", f"{key.fingerprint} is no key of either root")
    for root, which in ((before, "the root before"), (after, "the next root")):
        count = sum(key in root.keys for key in keys)
        if count < root.threshold:
            raise Refused("E_ROOT_THRESHOLD", f"{count} of {root.threshold} keys of {which} signed")
