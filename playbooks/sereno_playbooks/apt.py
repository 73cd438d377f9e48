"""What actions do to packages, by apt: what its own dry run said, in exactly these versions, and never a removal.

The policy names packages; what they depend on may come along, and is named in the plan with its versions. Packages that
hold what no action touches (DESIGN 4.9) are refused, as dependencies too. Settings files that a package brings never
replace the machine's own. apt takes what came along as asked for by hand.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from sereno_diagnostics.allowed import NamedPackage
from sereno_diagnostics.findings import counted
from sereno_diagnostics.parameters import Parameter, Values
from sereno_playbooks.action import Draft, Outcome, Site
from sereno_proto.errors import Refused
from sereno_proto.planned_step import PlannedStep, Subject

NEEDS: Final = ("system",)
LIMITS: Final = {"packages-max": 10}
UNDO: Final = "packages that were there get their earlier versions again, where apt can still have them; new ones go"
ABSENT: Final = "absent"
_PARAMETER: Final = Parameter("package", "package", "the package")
PARAMETERS: Final = (_PARAMETER,)
_PROTECTED: Final = re.compile(r"sereno.*|sudo.*|libpam.*|.*-pam|login|passwd|base-passwd|openssh-server")
_STEP: Final = re.compile(r"(Inst|Remv) (\S+)(?: \[(\S+)\])?(?: \((\S+) .*)?")
_CANDIDATE: Final = re.compile(r"^  Candidate: (\S+)$", re.MULTILINE)


class Installed(NamedTuple):
    """A package as dpkg has it. wanted: `install` or `hold`."""

    version: str
    wanted: str


def named(verb: str, values: Values, site: Site) -> NamedPackage:
    """The package; raises E_POLICY_FORBIDS unless the policy lets it be changed so."""
    package = site.allowed.package(str(values["package"]))
    if verb not in package.allow:
        raise Refused("E_POLICY_FORBIDS", f"the policy does not let {package.name} be changed so: {verb}")
    _refuse_protected((package.package,))
    return package


def installed(site: Site) -> Mapping[str, Installed]:
    """Every installed package by name; one of another architecture as `name:architecture` too."""
    found = {}
    for line in site.programs.told("packages").splitlines():
        words = line.split("\t")
        if len(words) == 5 and words[0][1:2] == "i":  # noqa: PLR2004, as the format asks for
            _, name, version, architecture, wanted = words
            found[f"{name}:{architecture}"] = Installed(version, wanted)
            found.setdefault(name, Installed(version, wanted))
    return found


def version_of(name: str, have: Mapping[str, Installed]) -> str:
    """The installed version, or `absent`."""
    return have[name].version if name in have else ABSENT


def candidate(package: str, site: Site) -> str:
    """The version that apt would install; raises E_NOT_FOUND when it knows none."""
    found = _CANDIDATE.search(site.programs.told("apt_versions", package=package))
    if found is None or found[1] == "(none)":
        raise Refused("E_NOT_FOUND", f"apt knows no {package}")
    return found[1]


def lower(version: str, than: str, site: Site) -> bool:
    """Whether a version comes before another, by dpkg's own rule."""
    ended = site.programs.ask("version_lower", version=version, than=than)
    return ended is not None and ended.exit_code == 0


def plan(package: str, version: str, site: Site) -> Draft:
    """Each package that changes with its versions, as apt's dry run says; raises E_UNSAFE for removals."""
    subjects = simulate(package, version, site)
    if not subjects:
        return Draft(f"{package} is {version} already.", UNDO)
    before = version_of(package, installed(site))
    more = f" and {counted(len(subjects) - 1, 'package')} that it needs" if len(subjects) > 1 else ""
    return Draft(
        effect=f"Brings {package} from {before} to {version}{more}.",
        undo=UNDO,
        subjects=subjects,
        bounds={"packages-max": len(subjects)},
    )


def waiting(step: PlannedStep, package: str, site: Site) -> bool:
    """Whether it is still to be done; raises E_TARGET_DRIFTED unless apt would still do exactly what is planned."""
    if not step.subjects:
        return False
    planned = {one.name: one for one in step.subjects if one.kind == "package"}
    if package not in planned or len(planned) != len(step.subjects):
        raise Refused("E_OUTSIDE_POLICY", f"the plan is not about {package}")
    have = installed(site)
    if all(version_of(one.name, have) == one.after for one in step.subjects):
        return False
    if simulate(package, planned[package].after, site) != step.subjects:
        raise Refused("E_TARGET_DRIFTED", f"apt would do something else to {package} than when the plan was made")
    return True


def apply(step: PlannedStep, package: str, site: Site) -> str:
    """Has apt install exactly the planned versions."""
    if not waiting(step, package, site):
        return f"{package} was as wished already"
    if len(step.subjects) > step.bounds.get("packages-max", 0):
        raise Refused("E_BOUND", "more packages than planned")
    site.record({"packages": {one.name: one.before for one in step.subjects}})
    site.programs.change("apt_install", *(f"{one.name}={one.after}" for one in step.subjects))
    have = installed(site)
    for one in step.subjects:
        if (now := version_of(one.name, have)) != one.after:
            raise Refused("E_REQUIRE_FAILED", f"{one.name} is {now} afterwards, not {one.after}")
    return f"{counted(len(step.subjects), 'package')} changed; {package} is {version_of(package, have)}"


def revert(entries: list[dict[str, object]], site: Site) -> Outcome:
    """Brings back what was there and removes what was new, and nothing besides; says what could not be done."""
    left: list[str] = []
    for entry in entries:
        packages = entry.get("packages")
        before = {str(name): str(version) for name, version in packages.items()} if isinstance(packages, dict) else {}
        have = installed(site)
        earlier = {name: version for name, version in before.items()
                   if version not in {ABSENT, version_of(name, have)}}  # fmt: skip
        new = [name for name, version in before.items() if version == ABSENT and name in have]
        try:
            _put_back(earlier, site)
            _remove(new, site)
        except Refused as error:
            left.append(error.what)
    return Outcome("; ".join(left)[:1000], complete=False) if left else Outcome("the packages are as they were before")


def simulate(package: str, version: str, site: Site) -> tuple[Subject, ...]:
    """What an installation would change, by name; raises E_UNSAFE when something would be removed."""
    return _changes(_steps(site.programs.told("apt_simulate", f"{package}={version}")))


def _changes(steps: Iterable[tuple[str, str, str, str]]) -> tuple[Subject, ...]:
    found = {}
    for kind, name, before, after in steps:
        if kind == "Remv":
            raise Refused("E_UNSAFE", f"apt would remove {name}")
        found[name] = Subject("package", name, before or ABSENT, after)
    _refuse_protected(found)
    return tuple(found[name] for name in sorted(found))


def _steps(text: str) -> list[tuple[str, str, str, str]]:
    found = [_STEP.fullmatch(line.strip()) for line in text.splitlines() if line.startswith(("Inst ", "Remv "))]
    if not all(found):
        raise Refused("E_PROGRAM_FAILED", "apt's dry run cannot be read")
    return [(one[1], one[2], one[3] or "", one[4] or "") for one in found if one]


def _put_back(earlier: dict[str, str], site: Site) -> None:
    if not earlier:
        return
    wanted = [f"{name}={version}" for name, version in sorted(earlier.items())]
    would = {one.name: one.after for one in _changes(_steps(site.programs.told("apt_simulate", *wanted)))}
    if would != earlier:
        raise Refused("E_UNDO", f"apt would change more than {', '.join(wanted)}")
    site.programs.change("apt_install", *wanted)


def _remove(new: list[str], site: Site) -> None:
    if not new:
        return
    would = {name for kind, name, _, _ in _steps(site.programs.told("apt_remove_simulate", *new)) if kind == "Remv"}
    if would != set(new):
        raise Refused("E_UNDO", f"removing {', '.join(new)} would remove {', '.join(sorted(would - set(new)))}")
    site.programs.change("apt_remove", *new)


def _refuse_protected(names: Iterable[str]) -> None:
    for name in names:
        if _PROTECTED.fullmatch(name.partition(":")[0]):
            raise Refused("E_PROTECTED_PATH", f"{name} holds what no action touches: accounts, sudo, PAM, Sereno")
