"""Removes the oldest of the system's journal until it takes no more than a size; the policy says how much must stay."""

import re
from typing import Final

from sereno_diagnostics.findings import bytes_text
from sereno_diagnostics.parameters import Parameter, Values
from sereno_playbooks import subjects
from sereno_playbooks.action import Draft, Outcome, Site
from sereno_proto.errors import Refused
from sereno_proto.planned_step import CANNOT_BE_UNDONE, PlannedStep, Subject

RISK = "medium"
UNDO = f"{CANNOT_BE_UNDONE}: what is removed of the journal is gone"
LIMITS = {"bytes-removed-max": 10 << 30}
NEEDS = ("root", "journal")
PARAMETERS = (Parameter("keep_mb", "number", "how much of it stays", None, 16, 1_000_000),)

_MB: Final = 1 << 20
_GROWTH_BYTES: Final = 256 << 20  # what it may grow by between plan and apply
_TAKES: Final = re.compile(r"take up ([0-9.]+)([BKMGT])?")
_UNITS: Final = {"B": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def plan(values: Values, site: Site) -> Draft:
    """The journal, larger than what is to stay."""
    keep_mb, size = _keep_mb(values, site), _size(site)
    if size <= keep_mb * _MB:
        return Draft(f"The journal takes {bytes_text(size)} only.", UNDO)
    return Draft(
        effect=f"Removes the oldest of the journal ({bytes_text(size)} now); {bytes_text(keep_mb * _MB)} stay.",
        undo=UNDO,
        subjects=(Subject("cache", "journal", f"over-{keep_mb}M", f"at-most-{keep_mb}M"),),
        bounds={"bytes-removed-max": size - keep_mb * _MB + _GROWTH_BYTES},
    )


def verify(step: PlannedStep, values: Values, site: Site) -> None:
    """Refuses when much more would be removed than planned."""
    _waiting(step, values, site)


def apply(step: PlannedStep, values: Values, site: Site) -> str:
    """Has journald's own tool remove it."""
    before = _waiting(step, values, site)
    if not before:
        return "the journal took no more than that already"
    keep_mb = _keep_mb(values, site)
    site.record({"journal_bytes": before})
    site.programs.change("journal_vacuum", megabytes=str(keep_mb))
    after = _size(site)
    return f"the journal takes {bytes_text(after)}, it took {bytes_text(before)}"


def revert(_step: PlannedStep, _values: Values, _entries: list[dict[str, object]], _site: Site) -> Outcome:
    """Says that it cannot."""
    return Outcome(UNDO, complete=False)


def _waiting(step: PlannedStep, values: Values, site: Site) -> int:
    """The journal's size when something is to be removed, else 0."""
    keep_mb = _keep_mb(values, site)
    if subjects.only(step, "cache", "journal") is None:
        return 0
    size = _size(site)
    if size <= keep_mb * _MB:
        return 0
    if size - keep_mb * _MB > step.bounds.get("bytes-removed-max", 0):
        raise Refused("E_BOUND", f"the journal has grown to {bytes_text(size)}")
    return size


def _keep_mb(values: Values, site: Site) -> int:
    keep_mb, least = int(values["keep_mb"]), site.allowed.journal_keep_bytes
    if not least:
        raise Refused("E_POLICY_FORBIDS", "the policy does not say how much of the journal must stay (keep_bytes)")
    if keep_mb * _MB < least:
        raise Refused("E_OUTSIDE_POLICY", f"{bytes_text(least)} of the journal must stay, says the policy")
    return keep_mb


def _size(site: Site) -> int:
    found = _TAKES.search(site.programs.told("journal_size"))
    if found is None:
        raise Refused("E_PROGRAM_FAILED", "journalctl does not say how much the journal takes")
    return int(float(found[1]) * _UNITS[found[2] or "B"])
