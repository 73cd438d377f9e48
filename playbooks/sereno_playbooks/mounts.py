"""Remounts of file systems that the policy names, between read-only and writable."""

from typing import Final

from sereno_diagnostics import procfs
from sereno_diagnostics.allowed import NamedMount
from sereno_diagnostics.parameters import Parameter, Values
from sereno_playbooks import subjects
from sereno_playbooks.action import Draft, Outcome, Site
from sereno_proto.errors import Refused
from sereno_proto.planned_step import PlannedStep, Subject

NEEDS: Final = ("system",)
LIMITS: Final = {"mounts-max": 1}
PARAMETERS: Final = (Parameter("mount", "mount", "the mounted file system"),)
_WORDS: Final = {"ro": "read-only", "rw": "writable"}


def plan(mode: str, undo: str, values: Values, site: Site) -> Draft:
    """The mount with its device, from one mode to the other."""
    mount = _named(mode, values, site)
    before = _state(mount, site)
    wished = _wished(mode, before)
    if before == wished:
        return Draft(f"{mount.path} is {_WORDS[mode]} already.", undo)
    _refuse_errors(mode, before, site)
    return Draft(
        effect=f"Makes {mount.path} ({_device(before)}) {_WORDS[mode]}.",
        undo=undo,
        subjects=(Subject("mount", str(mount.path), before, wished),),
        bounds={"mounts-max": 1},
    )


def waiting(mode: str, step: PlannedStep, values: Values, site: Site) -> bool:
    """Whether it is still to be done; raises E_TARGET_DRIFTED when another device is mounted there."""
    mount = _named(mode, values, site)
    subject = subjects.only(step, "mount", str(mount.path))
    if subject is None:
        return False
    now = _state(mount, site)
    _refuse_errors(mode, now, site)
    return subjects.waiting(subject, now)


def apply(mode: str, step: PlannedStep, values: Values, site: Site) -> str:
    """Has it remounted, and looks whether it is."""
    mount = _named(mode, values, site)
    if not waiting(mode, step, values, site):
        return f"{mount.path} was {_WORDS[mode]} already"
    site.record({"path": str(mount.path), "before": step.subjects[0].before})
    site.programs.change(f"remount_{mode}", path=str(mount.path))
    if (now := _state(mount, site)) != step.subjects[0].after:
        raise Refused("E_REQUIRE_FAILED", f"{mount.path} is {now} afterwards")
    return f"{mount.path} is {_WORDS[mode]}"


def revert(values: Values, entries: list[dict[str, object]], site: Site) -> Outcome:
    """Remounts it as it was, unless something else is mounted there by now."""
    mount = site.allowed.mount(str(values["mount"]))
    for entry in entries:
        before, now = str(entry.get("before")), _state(mount, site)
        if entry.get("path") != str(mount.path) or _device(before) != _device(now):
            return Outcome(f"something else is mounted on {mount.path} by now", complete=False)
        if now != before:
            site.programs.change(f"remount_{before.partition(',')[0]}", path=str(mount.path))
    return Outcome(f"{mount.path} is {_WORDS[_state(mount, site).partition(',')[0]]} again")


def _named(mode: str, values: Values, site: Site) -> NamedMount:
    mount = site.allowed.mount(str(values["mount"]))
    if mode not in mount.allow:
        raise Refused("E_POLICY_FORBIDS", f"the policy does not let {mount.name} be remounted {mode}")
    return mount


def _state(mount: NamedMount, site: Site) -> str:
    """`rw,/dev/sdb1`: what is mounted last on the very path."""
    found = ""
    for line in (site.machine.read("/proc/self/mounts") or "").splitlines():
        words = [procfs.unescaped(word) for word in line.split()]
        if len(words) > 3 and words[1] == str(mount.path):  # noqa: PLR2004, device, point, type, options
            found = f"{'ro' if 'ro' in words[3].split(',') else 'rw'},{words[0]}"
    if not found:
        raise Refused("E_NOT_FOUND", f"nothing is mounted on {mount.path}")
    return found


def _wished(mode: str, before: str) -> str:
    return f"{mode},{_device(before)}"


def _device(state: str) -> str:
    return state.partition(",")[2]


def _refuse_errors(mode: str, state: str, site: Site) -> None:
    """A file system on which the kernel has seen errors is to be checked first, not written on."""
    device = _device(state).rpartition("/")[2]
    count = (site.machine.read(f"/sys/fs/ext4/{device}/errors_count") or "0").strip()
    if mode == "rw" and count not in {"", "0"}:
        raise Refused("E_UNSAFE", f"the kernel has counted {count} errors on {_device(state)}; it needs a check first")
