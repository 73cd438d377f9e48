"""Reboots the machine, and shows that it came back: as another boot, by the kernel's own word.

The run is cut off by the reboot that it asks for. The executor that starts afterwards finds the step in its journal,
compares the boot, and goes on with what is required of the step and with the checks behind it; see come_back.py of the
agent. No action may follow a reboot in a plan.
"""

from typing import Final

from sereno_diagnostics import systemd
from sereno_diagnostics.parameters import Values
from sereno_playbooks.action import Draft, Outcome, Site
from sereno_proto.errors import Refused
from sereno_proto.planned_step import CANNOT_BE_UNDONE, PlannedStep, Subject

RISK = "high"
UNDO = f"{CANNOT_BE_UNDONE}: what ran in memory only is gone"
LIMITS = {"reboots-max": 1}
NEEDS = ("root",)
PARAMETERS = ()

BOOT: Final = "/proc/sys/kernel/random/boot_id"
_TARGET: Final = "reboot.target"
_WAITS: Final = 300
_WAIT_S: Final = 1.0


def plan(_values: Values, site: Site) -> Draft:
    """This very boot of the machine."""
    units = systemd.parse(site.programs.told("unit", unit=_TARGET))
    if not units or units[0].get("LoadState") != "loaded":
        raise Refused("E_PROGRAM_FAILED", f"systemd does not know {_TARGET}")
    return Draft(
        effect="Reboots the machine; everybody who works on it is cut off, and what is not saved is lost.",
        undo=UNDO,
        subjects=(Subject("machine", _boot(site), "up", "rebooted"),),
        bounds={"reboots-max": 1},
    )


def verify(step: PlannedStep, _values: Values, site: Site) -> None:
    """Refuses a plan that is about something else; a machine that was rebooted since is as wished."""
    _waiting(step, site)


def apply(step: PlannedStep, _values: Values, site: Site) -> str:
    """Asks for the reboot and waits to be cut off; raises E_REQUIRE_FAILED when the machine stays up."""
    if not _waiting(step, site):
        return "the machine was rebooted already"
    boot = step.subjects[0].name
    site.record({"boot": boot})
    site.programs.change("reboot")
    for _ in range(_WAITS):
        if _boot(site) != boot:
            return "the machine was rebooted"
        site.wait(_WAIT_S)
    raise Refused("E_REQUIRE_FAILED", f"the machine is still up {_WAITS * _WAIT_S:.0f} s after it was to be rebooted")


def revert(_step: PlannedStep, _values: Values, _entries: list[dict[str, object]], _site: Site) -> Outcome:
    """Says that it cannot."""
    return Outcome(UNDO, complete=False)


def _waiting(step: PlannedStep, site: Site) -> bool:
    """Whether this is still the boot of the plan."""
    if not step.subjects:
        return False
    planned = step.subjects[0]
    if step.subjects != (Subject("machine", planned.name, "up", "rebooted"),):
        raise Refused("E_OUTSIDE_POLICY", "the plan is not about a reboot of this machine")
    return planned.name == _boot(site)


def _boot(site: Site) -> str:
    boot = (site.machine.read(BOOT) or "").strip()
    if not boot:
        raise Refused("E_PROGRAM_FAILED", "the kernel does not say which boot this is")
    return boot
