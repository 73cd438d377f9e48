"""What this device holds true of its organisation: the root pinned at join, and the newest roster that root signed."""

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from sereno_agent import later_roots
from sereno_agent.executor import durable
from sereno_agent.folders import Folders
from sereno_proto.errors import Refused, SerenoError
from sereno_proto.ids import organisation_id
from sereno_proto.root_chain import SignedRoot
from sereno_proto.roster import Roster, read_roster, verify_roster


class Pins:
    """Reads and verifies the pins anew each time: a file on disk is no proof of itself."""

    def __init__(self, folders: Folders, organisation: str) -> None:
        self._folders = folders
        self._organisation = organisation
        self._next = folders.pins / "roster.next.json"
        self._finish_offer()

    def roster(self, now: datetime) -> Roster:
        """The pinned roster, signed by the pinned root and not expired; raises E_ROSTER_…, E_ROOT_…."""
        try:
            text = self._folders.roster_text.read_bytes()
            signatures = _read_signatures(self._folders.roster_signatures)
        except FileNotFoundError:
            raise Refused("E_ROSTER_MISSING") from None
        return verify_roster(self._root(), text, signatures, now, self._later())

    def offer(self, text: bytes, signatures: Sequence[str], now: datetime, later: Sequence[SignedRoot] = ()) -> Roster:
        """Pins a roster of a higher version that the root signed. The very roster already pinned is fine too.

        later: the roots that came after the first. They only ever go on from those that are pinned, and are pinned
        together with a roster that the newest of them signed, so that a device is never between two roots.
        """
        known = self._later()
        chain = _go_on(known, later)
        offered = verify_roster(self._root(), text, signatures, now, chain)
        try:
            pinned_text = self._folders.roster_text.read_bytes()
        except FileNotFoundError:
            raise Refused("E_ROSTER_MISSING", "no roster was pinned at join") from None
        pinned = read_roster(pinned_text)
        if offered.version < pinned.version:
            raise Refused("E_ROSTER_LOWER", f"version {offered.version} was offered, {pinned.version} is pinned")
        if offered.version == pinned.version:
            if text != pinned_text:
                raise Refused("E_ROSTER_OTHER", f"another roster of version {pinned.version} is pinned")
            if len(chain) == len(known):
                return pinned
        record = {"text": text.decode("ascii"), "signatures": list(signatures), "roots": later_roots.rows(chain)}
        durable.write(self._next, json.dumps(record).encode())
        self._finish_offer()
        return offered

    def _root(self) -> bytes:
        try:
            text = self._folders.root_text.read_bytes()
        except FileNotFoundError:
            raise Refused("E_ROSTER_MISSING", "no root is pinned") from None
        if organisation_id(text) != self._organisation:
            raise Refused("E_ROOT_DIGEST", f"{self._folders.root_text} is not the root this device joined under")
        return text

    def _later(self) -> tuple[SignedRoot, ...]:
        return later_roots.read(self._folders.later_roots)

    def _finish_offer(self) -> None:
        """Moves a verified roster, its signatures and the roots into place; a crash in between is made good here."""
        try:
            record = json.loads(self._next.read_bytes())
        except FileNotFoundError:
            return
        mode = self._folders.shared_mode
        if record.get("roots"):
            durable.write(self._folders.later_roots, json.dumps(record["roots"]).encode(), mode)
        durable.write(self._folders.roster_text, record["text"].encode("ascii"), mode)
        durable.write(self._folders.roster_signatures, json.dumps(record["signatures"]).encode(), mode)
        self._next.unlink()
        durable.sync_folder(self._folders.pins)


def _go_on(known: Sequence[SignedRoot], offered: Sequence[SignedRoot]) -> Sequence[SignedRoot]:
    """The longer of the two chains where one goes on from the other; raises E_ROOT_FORKED where they part."""
    for number, (mine, theirs) in enumerate(zip(known, offered, strict=False), 2):
        if mine.text != theirs.text:
            raise Refused("E_ROOT_FORKED", f"another root {number} is pinned")
    return known if len(offered) <= len(known) else (*known, *offered[len(known) :])


def _read_signatures(path: Path) -> list[str]:
    try:
        signatures = json.loads(path.read_bytes())
    except ValueError as error:
        raise SerenoError("E_ROSTER_UNSIGNED", f"{path} is damaged") from error
    if not isinstance(signatures, list) or not all(isinstance(one, str) for one in signatures):
        raise SerenoError("E_ROSTER_UNSIGNED", f"{path} is damaged")
    return signatures
