"""Writes a configuration file from a text of the policy, with values within its bounds and after a check.

What it replaces is kept on the device. The new content lies beside the file under another name while the policy's
command looks at it, and gets the name only when that ended well.
"""

import os
import stat
from typing import Final

from sereno_diagnostics import confined
from sereno_diagnostics.allowed import NamedTemplate, Slot
from sereno_diagnostics.findings import counted
from sereno_diagnostics.parameters import Parameter, Values
from sereno_playbooks import files, versions
from sereno_playbooks.action import Draft, Outcome, Site
from sereno_playbooks.differences import difference
from sereno_playbooks.protected import guard
from sereno_proto.errors import BadInput, Refused
from sereno_proto.ids import sha256
from sereno_proto.limits import WATCHED_FILE_BYTES_MAX
from sereno_proto.planned_step import PlannedStep, Target

RISK = "medium"
UNDO = "the content it replaces is kept and put back; a new file is removed"
LIMITS = {"files-max": 1, "bytes-max": 64 << 10}
NEEDS = ("templates",)
PARAMETERS = (
    Parameter("template", "template", "the template"),
    Parameter("settings", "settings", "its values, such as workers=4,mode=fast"),
)

_ABSENT: Final = "absent"
_FILE: Final = "{file}"
_TIMEOUT_S: Final = 60.0
_SAID_CHARS_MAX: Final = 400
_NEW_MODE: Final = 0o644


def plan(values: Values, site: Site) -> Draft:
    """The file with the digests before and after, and the difference as people read it."""
    template = site.allowed.template(str(values["template"]))
    wanted = _render(template, str(values["settings"]))
    before, current, inode = _look(template, site)
    if before == sha256(wanted):
        return Draft(f"{template.path} has this content already.", UNDO)
    diff = difference(template.path, current, wanted, "written", site.redact)
    lines = sum(1 for line in diff[2:] if line.startswith(("+", "-")))
    shown = f"{counted(lines, 'line')} of difference" if diff else "the difference cannot be shown, only its digests"
    by = f"; {template.validate[0]} has to accept it first" if template.validate else "; nothing checks it first"
    return Draft(
        effect=f"Writes {template.path} from the policy's text: {shown}{by}.",
        undo=UNDO,
        targets=(Target(str(template.path), inode, before, sha256(wanted), len(wanted)),),
        bounds={"files-max": 1, "bytes-max": len(wanted)},
        diff=diff,
    )


def verify(step: PlannedStep, values: Values, site: Site) -> None:
    """Refuses when the file is neither as planned nor as wished."""
    _waiting(step, values, site)


def apply(step: PlannedStep, values: Values, site: Site) -> str:
    """Puts the new content in place, once the policy's command has accepted it."""
    template = site.allowed.template(str(values["template"]))
    target = _waiting(step, values, site)
    if target is None:
        return f"{template.path} had this content already"
    _put(template, _render(template, str(values["settings"])), target, site)
    return f"{template.path} is written, {target.bytes_max} bytes"


def revert(_step: PlannedStep, values: Values, entries: list[dict[str, object]], site: Site) -> Outcome:
    """Puts back what was replaced, or removes what is new, unless someone has changed it since."""
    template = site.allowed.template(str(values["template"]))
    for entry in entries:
        before, after = str(entry["before"]), str(entry["after"])
        with files.open_folder(template.path.parent, site.allowed) as folder:
            if files.is_temporary(entry.get("temporary")):
                files.discard(folder, str(entry["temporary"]))
            now, _, inode = _look(template, site)
            if now == before:
                continue
            if now != after:
                return Outcome(f"{template.path} was changed by someone since, so it is left as it is", complete=False)
            if before == _ABSENT:
                files.discard(folder, template.path.name)
                continue
        earlier = versions.read(site.allowed, before)
        _put(template, earlier, Target(str(template.path), inode, after, before), site, validate=False)
    return Outcome(f"{template.path} is as it was before")


def _waiting(step: PlannedStep, values: Values, site: Site) -> Target | None:
    """The target while it is still to be written."""
    template = site.allowed.template(str(values["template"]))
    wanted = _render(template, str(values["settings"]))
    if not step.targets:
        return None
    (target,) = step.targets
    if (target.path, target.after) != (str(template.path), sha256(wanted)):
        raise Refused("E_OUTSIDE_POLICY", f"the plan writes something else than the policy's {template.name}")
    if len(wanted) > step.bounds.get("bytes-max", 0):
        raise Refused("E_BOUND", f"{template.path} would get more bytes than planned")
    try:
        before, _, inode = _look(template, site)
    except Refused as error:
        code = "E_TARGET_DRIFTED" if error.code == "E_OUTSIDE_POLICY" else error.code
        raise Refused(code, f"{template.path} is no longer what it was: {error.what}") from error
    if before == target.after:
        return None
    if (before, inode) != (target.before, target.inode):
        raise Refused("E_TARGET_DRIFTED", f"{template.path} is no longer what it was when the plan was made")
    return target


def _put(template: NamedTemplate, content: bytes, target: Target, site: Site, *, validate: bool = True) -> None:
    """Writes beside the file, has that accepted, looks once more, and gives it the name."""
    temporary = files.temporary_name()

    def accepted() -> None:
        if validate:
            _validate(template, temporary, site)
        if _look(template, site)[::2] != (target.before, target.inode):
            raise Refused("E_TARGET_DRIFTED", f"{template.path} changed while it was being written")

    with files.open_folder(template.path.parent, site.allowed) as folder:
        if target.before != _ABSENT:
            versions.keep(site.allowed, _look(template, site)[1])
        site.record({"before": target.before, "after": sha256(content), "temporary": temporary})
        if target.before != _ABSENT:
            files.replace(folder, template.path.name, temporary, content, accepted)
            return
        with files.create(folder, temporary, _new(folder)) as descriptor:
            files.write_all(descriptor, content)
            os.fsync(descriptor)
            accepted()
            files.place(folder, temporary, template.path.name)


def _validate(template: NamedTemplate, temporary: str, site: Site) -> None:
    if not template.validate:
        return
    path = str(template.path.parent / temporary)
    ended = site.programs.owners([path if word == _FILE else word for word in template.validate], _TIMEOUT_S)
    if ended.exit_code:
        said = site.redact(" ".join((ended.errors or ended.output).split()))[-_SAID_CHARS_MAX:]
        raise Refused("E_REQUIRE_FAILED", f"{template.validate[0]} does not accept the new content: {said}")


def _render(template: NamedTemplate, settings: str) -> bytes:
    """The text with every slot filled; raises E_PARAMETER for a value that is missing, unknown or out of bounds."""
    given: dict[str, str] = {}
    for pair in settings.split(","):
        name, _, value = pair.partition("=")
        if name in given or name not in template.slots:
            raise BadInput("E_PARAMETER", f"{template.name} has no value {name!r}, or it is given twice")
        given[name] = value
    text = template.text
    for name, slot in template.slots.items():
        if name not in given:
            raise BadInput("E_PARAMETER", f"{template.name} needs a value for {name}")
        text = text.replace(f"{{{name}}}", _fit(name, slot, given[name]))
    return text.encode()


def _fit(name: str, slot: Slot, value: str) -> str:
    if slot.choices:
        if value not in slot.choices:
            raise BadInput("E_PARAMETER", f"{name} must be one of {', '.join(slot.choices)}")
        return value
    try:
        number = int(value) if value == str(int(value)) else None
    except ValueError:
        number = None
    if number is None or not slot.minimum <= number <= slot.maximum:
        raise BadInput("E_PARAMETER", f"{name} must be a whole number from {slot.minimum} to {slot.maximum}")
    return value


def _look(template: NamedTemplate, site: Site) -> tuple[str, bytes, int]:
    """Digest (or `absent`), content and inode of the file as it is."""
    with files.open_folder(template.path.parent, site.allowed) as folder:
        if confined.status(folder, template.path.name) is None:
            guard(site.allowed)(template.path, os.fstat(folder))  # by its name: there is nothing else yet
            return _ABSENT, b"", 0
        with (
            files.open_target(folder, template.path, site.allowed) as descriptor,
            open(descriptor, "rb", closefd=False) as file,
        ):
            content = file.read(WATCHED_FILE_BYTES_MAX + 1)
            inode = os.fstat(descriptor).st_ino
    if len(content) > WATCHED_FILE_BYTES_MAX:
        raise Refused("E_BOUND", f"{template.path} is larger than {WATCHED_FILE_BYTES_MAX} bytes")
    return sha256(content), content, inode


def _new(folder: int) -> os.stat_result:
    """The folder's owner, and the mode of a settings file."""
    status = list(os.fstat(folder))
    status[0] = stat.S_IFREG | _NEW_MODE
    return os.stat_result(status)
