"""Programs of a Mac: applications with their versions, and what Homebrew installed, from the folders themselves."""

import plistlib
from collections.abc import Iterator
from typing import Final

from sereno_agent.comparison import Comparison, State
from sereno_agent.host import Host
from sereno_agent.reading import Collect, Surroundings

INTERVAL_MS: Final = 300_000
DEADLINE_S: Final = 60.0
APART: Final = True
APPLICATIONS_MAX: Final = 2000
_APPLICATIONS: Final = ("/Applications", "/Applications/Utilities")
_HOMEBREW: Final = ("/opt/homebrew", "/usr/local")


def make(surroundings: Surroundings) -> Collect:
    kinds = frozenset({"package"})
    return Comparison("package_changes", lambda: read(surroundings.host), surroundings, together=kinds).collect


def read(host: Host) -> State:
    """Name -> version, Homebrew's by its own names."""
    packages = {**dict(_applications(host)), **dict(_homebrew(host))}
    values = {f"package {name}": version for name, version in packages.items()}
    return State(values, {key.replace(" ", ".", 1): text for key, text in values.items()})


def _applications(host: Host) -> Iterator[tuple[str, str]]:
    for folder in _APPLICATIONS:
        for name in host.names(folder)[:APPLICATIONS_MAX]:
            content = host.content(f"{folder}/{name}/Contents/Info.plist") if name.endswith(".app") else None
            if content is not None:
                yield name.removesuffix(".app"), version(content)


def version(content: bytes) -> str:
    """An application's version, of its Info.plist in either format."""
    try:
        said = plistlib.loads(content)
        return str(said.get("CFBundleShortVersionString") or said.get("CFBundleVersion") or "no version")
    except (plistlib.InvalidFileException, ValueError, AttributeError, OverflowError):
        return "no version"
    except Exception as error:  # expat's own error is known by name only where expat is loaded
        if type(error).__name__ != "ExpatError":
            raise
        return "no version"


def _homebrew(host: Host) -> Iterator[tuple[str, str]]:
    for root in _HOMEBREW:
        for kind in ("Cellar", "Caskroom"):
            for name in host.names(f"{root}/{kind}"):
                versions = [one for one in host.names(f"{root}/{kind}/{name}") if not one.startswith(".")]
                if versions:
                    yield name, ", ".join(versions)
