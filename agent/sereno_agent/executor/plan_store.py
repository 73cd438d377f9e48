"""The plans this device issued and still holds, and those it carried out. One file a plan: held or used, never both."""

import re
from pathlib import Path
from typing import Final, NamedTuple

from sereno_agent.executor import durable
from sereno_proto.errors import Refused
from sereno_proto.limits import PLANS_HELD_MAX, PLANS_USED_KEPT_MAX

_ID: Final = re.compile(r"pln_[a-z0-9]{1,64}", re.ASCII)
_HELD: Final = ".plan"
_USED: Final = ".used"


class Issued(NamedTuple):
    """A plan's exact bytes as this device wrote them, and whether it was carried out."""

    text: bytes
    used: bool


class PlanStore:
    """Plans by id. That a plan is used once rests on one rename, which is durable before the first step."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def hold(self, plan_id: str, text: bytes) -> None:
        """Keeps a plan that this device has just issued; beyond the limit the oldest are dropped."""
        durable.write(self._path(plan_id, _HELD), text)
        self._prune(_HELD, PLANS_HELD_MAX)

    def find(self, plan_id: str) -> Issued | None:
        """The plan's text, or None when this device never issued it or dropped it."""
        for suffix, used in ((_USED, True), (_HELD, False)):
            try:
                return Issued(self._path(plan_id, suffix).read_bytes(), used)
            except FileNotFoundError:
                continue
        return None

    def use(self, plan_id: str) -> None:
        """Marks the plan used, durably; raises E_PLAN_REPLAYED when it is not held any more."""
        try:
            self._path(plan_id, _HELD).rename(self._path(plan_id, _USED))
        except FileNotFoundError:
            raise Refused("E_PLAN_REPLAYED", f"{plan_id} was carried out before") from None
        durable.sync_folder(self._folder)
        self._prune(_USED, PLANS_USED_KEPT_MAX)

    def drop(self, plan_id: str) -> bool:
        """Forgets a held plan; says whether there was one. A used one stays known as used."""
        try:
            self._path(plan_id, _HELD).unlink()
        except FileNotFoundError:
            return False
        durable.sync_folder(self._folder)
        return True

    def _path(self, plan_id: str, suffix: str) -> Path:
        if _ID.fullmatch(plan_id) is None:
            raise Refused("E_PLAN_UNKNOWN", "that is no plan's id")
        return self._folder / (plan_id + suffix)

    def _prune(self, suffix: str, count_max: int) -> None:
        for path in sorted(self._folder.glob(f"pln_*{suffix}"))[:-count_max]:  # ids sort by the time they were made
            path.unlink(missing_ok=True)
