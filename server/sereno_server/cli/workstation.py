"""The folder on the administrator's workstation that holds the root and every roster that was signed there.

    root.txt  root.sig.json        the organisation; its id is root.txt's digest
    root-2.txt  root-2.sig.json    the root that came after it, and so on: the newest signs rosters
    roster.txt  roster.sig.json    the last signed roster: what the next one is edited from
    draft.txt                      the next roster, not signed yet
    signed/roster-N.txt            all earlier ones

Nothing here is ever taken from the server.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from sereno_proto import join_code
from sereno_proto.errors import BadInput
from sereno_proto.ids import sha256
from sereno_proto.root_chain import SignedRoot, newest_text


@dataclass(frozen=True)
class Workstation:
    """The folder; all writes are by rename."""

    folder: Path

    @property
    def draft(self) -> Path:
        """The roster that is being edited."""
        return self.folder / "draft.txt"

    def read(self, name: str) -> tuple[bytes, list[str]]:
        """Text and signatures of `root` or `roster`; raises E_NOT_FOUND with the command that makes it."""
        path = self.folder / f"{name}.txt"
        if not path.exists():
            remedy = "make it: `sereno root create`" if name == "root" else "make it: `sereno roster new`, then `sign`"
            raise BadInput("E_NOT_FOUND", f"there is no {name} in {self.folder}", remedy)
        signatures = self.folder / f"{name}.sig.json"
        return path.read_bytes(), json.loads(signatures.read_text()) if signatures.exists() else []

    def later(self) -> tuple[SignedRoot, ...]:
        """The roots that came after the first, in their order."""
        found: list[SignedRoot] = []
        while (self.folder / f"root-{len(found) + 2}.txt").exists():
            text, signatures = self.read(f"root-{len(found) + 2}")
            found.append(SignedRoot(text, tuple(signatures)))
        return tuple(found)

    def write(self, name: str, text: bytes, signatures: list[str]) -> None:
        """Keeps a signed `root` or `roster`, the signatures first, so that a text is never without them."""
        put(self.folder / f"{name}.sig.json", json.dumps(signatures, indent=2).encode())
        put(self.folder / f"{name}.txt", text)


def put(path: Path, content: bytes) -> None:
    """Writes a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}")
    part.write_bytes(content)
    part.replace(path)


def local_root_digest(folder: Path, code: str) -> bool:
    """Whether the code's root is this workstation's; raises E_ROOT_DIGEST when there is one here and it differs."""
    root = folder / "root.txt"
    if not root.exists():
        return False
    newest = newest_text(root.read_bytes(), Workstation(folder).later())
    here, named = sha256(newest), join_code.read(code).root_digest
    if here != named:
        raise BadInput("E_ROOT_DIGEST", f"the server put root {named} into the code; this workstation has {here}")
    return True
