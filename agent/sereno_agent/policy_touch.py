r"""The policy's names for what actions may touch: processes, packages, mounts, volumes, templates, and units' verbs.

[services.web]
unit = "nginx.service"
allow = ["restart"]               # restart start stop enable disable mask unmask; left out: none

[processes.worker]                # processes that kill_process and renice_process may choose among
program = "php-fpm"               # as the kernel calls it: at most 15 characters
argument = "--pool=www"           # one whole word of its command line; left out: any
user = "www-data"                 # left out: any
allow = ["kill", "renice"]

[packages.web]
package = "nginx"
allow = ["install", "upgrade", "pin", "rollback"]

[mounts.data]
path = "/srv/data"
allow = ["ro", "rw"]

[volumes.data]                    # an LVM volume that extend_volume may make larger
volume = "vg0/data"
max_bytes = 107374182400

[templates.limits]                # a configuration file that write_template may write
path = "/etc/app/limits.conf"
text = "workers = {workers}\nmode = {mode}\n"
validate = ["/usr/bin/app", "--check", "{file}"]   # must end with 0; {file} is the new content; left out: not checked
slots.workers = {minimum = 1, maximum = 64}
slots.mode = {choices = ["safe", "fast"]}

[certificates.site]
path = "/etc/ssl/site.pem"
renew = ["/usr/bin/certbot", "renew", "--cert-name", "site"]

[journal]
keep_bytes = 1073741824           # vacuum_journal may not leave less; left out: it may not be used
"""

import re
from pathlib import Path
from typing import Final

from sereno_agent.policy_text import Table
from sereno_diagnostics.allowed import (
    NamedMount,
    NamedPackage,
    NamedProcess,
    NamedTemplate,
    NamedVolume,
    Slot,
    WatchedService,
)
from sereno_proto.limits import TEMPLATE_CHARS_MAX

SERVICE_VERBS: Final = ("restart", "start", "stop", "enable", "disable", "mask", "unmask")
UNIT: Final = r"[A-Za-z0-9_][A-Za-z0-9:_.\\@-]{0,254}"
_PROGRAM: Final = r"[A-Za-z0-9._+][A-Za-z0-9._+-]{0,14}"
_ARGUMENT: Final = r"[!-~]{1,255}"
_USER: Final = r"[a-z_][a-z0-9_-]{0,31}"
_PACKAGE: Final = r"[a-z0-9](?:[a-z0-9+.-]{0,125}[a-z0-9+.])?"
_LVM: Final = r"[A-Za-z0-9_+][A-Za-z0-9_+.-]{0,126}"
_SLOT: Final = re.compile(r"\{([a-z][a-z0-9_]{0,30})\}")
_SLOT_NAME: Final = r"[a-z][a-z0-9_]{0,30}"
_CHOICE: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_NUMBER_MAX: Final = 10**15
_BYTES_MAX: Final = 1 << 60
_ARGUMENTS_MAX: Final = 64
FILE: Final = "{file}"


def service(name: str, entry: Table) -> WatchedService:
    """Reads `[services.NAME]`."""
    entry.only("unit", "allow")
    unit = entry.text("unit", UNIT, "a unit's name such as nginx.service")
    return WatchedService(name=name, unit=unit, allow=_allow(entry, SERVICE_VERBS))


def process(name: str, entry: Table) -> NamedProcess:
    """Reads `[processes.NAME]`."""
    entry.only("program", "argument", "user", "allow")
    return NamedProcess(
        name=name,
        program=entry.text("program", _PROGRAM, "a program's name of at most 15 characters"),
        argument=entry.text("argument", _ARGUMENT, "one word") if entry.has("argument") else "",
        user=entry.text("user", _USER, "a user's name") if entry.has("user") else "",
        allow=_allow(entry, ("kill", "renice")),
    )


def package(name: str, entry: Table) -> NamedPackage:
    """Reads `[packages.NAME]`."""
    entry.only("package", "allow")
    return NamedPackage(
        name=name,
        package=entry.text("package", _PACKAGE, "a package's name such as libssl3"),
        allow=_allow(entry, ("install", "upgrade", "pin", "rollback")),
    )


def mount(name: str, entry: Table) -> NamedMount:
    """Reads `[mounts.NAME]`."""
    entry.only("path", "allow")
    return NamedMount(name=name, path=entry.path("path"), allow=_allow(entry, ("ro", "rw")))


def volume(name: str, entry: Table) -> NamedVolume:
    """Reads `[volumes.NAME]`."""
    entry.only("volume", "max_bytes")
    found = entry.text("volume", rf"{_LVM}/{_LVM}", "GROUP/VOLUME such as vg0/data")
    if not entry.has("max_bytes"):
        raise entry.wrong("max_bytes", "must say how large the volume may become")
    return NamedVolume(name=name, volume=found, max_bytes=entry.integer("max_bytes", 0, 1, _BYTES_MAX))


def template(name: str, entry: Table) -> NamedTemplate:
    """Reads `[templates.NAME]`: every slot of the text is described, and every one described is in the text."""
    entry.only("path", "text", "validate", "slots")
    text = entry.text("text", rf"(?s).{{1,{TEMPLATE_CHARS_MAX}}}", f"a text of at most {TEMPLATE_CHARS_MAX} characters")
    table = entry.table("slots")
    slots = {key: _slot(key, table) for key in sorted(table.keys())}
    if slots.keys() != set(_SLOT.findall(text)):
        raise entry.wrong("slots", f"are {', '.join(slots) or 'none'}; the text has {_listed(text)}")
    validate = command("validate", entry)
    if validate and FILE not in validate:
        raise entry.wrong("validate", f"needs the word {FILE}, which becomes the new file's path")
    return NamedTemplate(name=name, path=entry.path("path"), text=text, slots=slots, validate=validate)


def command(key: str, entry: Table) -> tuple[str, ...]:
    """A program by its absolute path with all its arguments; none when left out."""
    words = entry.names(key)
    if not words:
        return ()
    if not Path(words[0]).is_absolute() or ".." in Path(words[0]).parts:
        raise entry.wrong(key, "must be a list: the program's absolute path without '..', then its arguments")
    if len(words) > _ARGUMENTS_MAX:
        raise entry.wrong(key, f"has more than {_ARGUMENTS_MAX} words")
    return words


def journal_keep_bytes(entry: Table) -> int:
    """The `keep_bytes` of `[journal]`."""
    return entry.integer("keep_bytes", 0, 0, _BYTES_MAX)


def _slot(name: str, table: Table) -> Slot:
    entry = table.table(name)
    entry.only("minimum", "maximum", "choices")
    if not re.fullmatch(_SLOT_NAME, name):
        raise table.wrong(name, "a slot's name is of a-z, 0-9 and underscore")
    choices = entry.names("choices")
    if choices:
        if entry.has("minimum") or entry.has("maximum") or not all(map(_CHOICE.fullmatch, choices)):
            raise entry.wrong("choices", "are words of letters, digits, '.', '_' and '-', without bounds beside them")
        return Slot(choices=choices)
    if not entry.has("minimum") or not entry.has("maximum"):
        raise entry.wrong("", "needs either minimum and maximum, or choices")
    low = entry.integer("minimum", 0, -_NUMBER_MAX, _NUMBER_MAX)
    return Slot(minimum=low, maximum=entry.integer("maximum", 0, low, _NUMBER_MAX))


def _listed(text: str) -> str:
    return ", ".join(sorted(set(_SLOT.findall(text)))) or "none"


def _allow(entry: Table, known: tuple[str, ...]) -> tuple[str, ...]:
    found = entry.names("allow")
    for verb in found:
        if verb not in known:
            raise entry.wrong("allow", f"{verb!r} is none of {', '.join(known)}")
    return tuple(verb for verb in known if verb in found)
