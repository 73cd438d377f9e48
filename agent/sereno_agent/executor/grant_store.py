"""The grants that this device was given: their text, who signed, and how often each was used. One file a grant.

What the core has to know of a standing grant to watch its trigger stands beside the text, for the core reads no signed
documents. It may only read these files; a use is on disk before the first step of its run.

That a grant was taken is also marked beside the used plans. A grant whose mark is there and whose file is not, as after
a restored disk or a tidied folder, was lost with its count of uses, and is never taken anew.
"""

import contextlib
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from sereno_agent.executor import durable
from sereno_agent.folders import Folders
from sereno_proto.errors import Refused
from sereno_proto.grants import Grant, read_grant
from sereno_proto.limits import GRANTS_HELD_MAX

_ID: Final = re.compile(r"grt_[a-z0-9]{1,64}", re.ASCII)
_SUFFIX: Final = ".json"
_TAKEN: Final = ".taken"
_FOLDER_MODE: Final = 0o700
_SHARED_FOLDER_MODE: Final = 0o750


@dataclass(frozen=True)
class HeldGrant:
    """A grant with what this device did under it."""

    grant: Grant
    text: bytes
    signatures: tuple[tuple[str, str], ...]  # (purpose, armored)
    used_ms: tuple[int, ...] = ()
    plan_id: str = ""  # of the last use
    revoked: bool = False

    def require_use(self, now: datetime) -> None:
        """Raises E_GRANT_REVOKED, E_GRANT_USED or E_GRANT_PAUSE unless it may be used once more now."""
        if self.revoked:
            raise Refused("E_GRANT_REVOKED", f"{self.grant.id} was revoked")
        if len(self.used_ms) >= self.grant.uses:
            raise Refused("E_GRANT_USED", f"{self.grant.id} was used {len(self.used_ms)} of {self.grant.uses} times")
        if self.used_ms and now.timestamp() * 1000 < self.used_ms[-1] + self.grant.pause_s * 1000:
            raise Refused("E_GRANT_PAUSE", f"{self.grant.id} rests for {self.grant.pause_s} s between two uses")


class GrantStore:
    """Grants by id, kept until they expire: a used one is known as used for as long as its signatures are good."""

    def __init__(self, folders: Folders) -> None:
        self._folder = folders.grants
        self._marks = folders.plans
        self._mode = folders.shared_mode
        self._folder_mode = _SHARED_FOLDER_MODE if folders.split else _FOLDER_MODE

    def find(self, grant_id: str) -> HeldGrant | None:
        """The grant, or None when it was never given. Raises E_STATE_LOST when its file is damaged or lost."""
        try:
            content = self._path(grant_id).read_bytes()
        except FileNotFoundError:
            if self._mark(grant_id).exists():
                raise Refused("E_STATE_LOST", f"how often {grant_id} was used is not known any more") from None
            return None
        try:
            record = json.loads(content)
            text = record["text"].encode("ascii")
            return HeldGrant(
                grant=read_grant(text),
                text=text,
                signatures=tuple((purpose, armored) for purpose, armored in record["signatures"]),
                used_ms=tuple(int(moment) for moment in record["used_ms"]),
                plan_id=str(record.get("plan_id", "")),
                revoked=bool(record["revoked"]),
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Refused("E_STATE_LOST", f"{self._path(grant_id)} is damaged") from error

    def hold(self, held: HeldGrant, now: datetime) -> None:
        """Keeps a grant that was just verified; forgets those that expired. Raises E_OVERLOADED beyond the limit."""
        if not self._folder.is_dir():
            self._folder.mkdir(mode=self._folder_mode, exist_ok=True)
            durable.sync_folder(self._folder.parent)
        others = [path for path in self._folder.glob(f"grt_*{_SUFFIX}") if not self._forget(path, now)]
        if len(others) >= GRANTS_HELD_MAX and not self._path(held.grant.id).exists():
            raise Refused("E_OVERLOADED", f"{GRANTS_HELD_MAX} grants are held already")
        self._write(held)
        durable.write(self._mark(held.grant.id), b"", self._mode)

    def all(self) -> list[HeldGrant]:
        """Every grant that is held and can be read."""
        found = []
        for path in sorted(self._folder.glob(f"grt_*{_SUFFIX}")):
            with contextlib.suppress(Refused):  # a damaged one refuses when it is asked for
                held = self.find(path.name.removesuffix(_SUFFIX))
                found += [held] if held is not None else []
        return found

    def use(self, held: HeldGrant, now: datetime, plan_id: str) -> HeldGrant:
        """Counts one use, durably, by that plan; raises as require_use does."""
        held.require_use(now)
        used = replace(held, used_ms=(*held.used_ms, int(now.timestamp() * 1000)), plan_id=plan_id)
        self._write(used)
        return used

    def revoke(self, grant_id: str) -> bool:
        """Marks a grant revoked for good; says whether there was one."""
        held = self.find(grant_id)
        if held is None or held.revoked:
            return False
        self._write(replace(held, revoked=True))
        return True

    def _write(self, held: HeldGrant) -> None:
        grant = held.grant
        record: dict[str, Any] = {
            "kind": grant.kind,
            "playbook": grant.playbook,
            "not_before_ms": int(grant.not_before.timestamp() * 1000),
            "expires_ms": int(grant.expires.timestamp() * 1000),
            "uses": grant.uses,
            "pause_s": grant.pause_s,
            "triggers": [asdict(trigger) for trigger in grant.triggers],
            "used_ms": held.used_ms,
            "plan_id": held.plan_id,
            "revoked": held.revoked,
            "text": held.text.decode("ascii"),
            "signatures": held.signatures,
        }
        durable.write(self._path(grant.id), json.dumps(record).encode(), self._mode)

    def _path(self, grant_id: str) -> Path:
        if _ID.fullmatch(grant_id) is None:
            raise Refused("E_GRANT_UNKNOWN", "that is no grant's id")
        return self._folder / (grant_id + _SUFFIX)

    def _mark(self, grant_id: str) -> Path:
        return self._marks / (grant_id + _TAKEN)

    def _forget(self, path: Path, now: datetime) -> bool:
        """Removes a grant whose time is over; whether it did."""
        held = self.find(path.name.removesuffix(_SUFFIX))
        if held is None or now < held.grant.expires:
            return held is None
        self._mark(held.grant.id).unlink(missing_ok=True)  # first: a mark alone would read as a loss
        path.unlink(missing_ok=True)
        return True


def signature_pairs(signatures: Sequence[Any]) -> tuple[tuple[str, str], ...]:
    """(purpose, armored) of the signatures of a command."""
    return tuple((signature.purpose, signature.armored) for signature in signatures)
