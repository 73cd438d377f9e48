"""The CLI's own settings: which server, which people, where their keys are.

Looked for in this order: $SERENO_CONFIG, then `.demo/cli.toml` here or in a folder above (so that a second terminal
in the same clone needs no argument), then `~/.config/sereno/cli.toml`. Paths in the file are relative to it.

    server = "http://localhost:8080"
    person = "noa"                      # who asks
    approver = "iker"                   # who approves, where that is someone else
    roster = "roster"                   # the workstation's folder with root and rosters

    [people.noa]
    sign_in = "keys/noa-session"        # a key file, a .pub file whose key is in ssh-agent, or "agent"
    approve = "keys/noa-approve"
    registrar = "keys/noa-registrar"    # signs names of devices, where this person may
"""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sereno_proto.errors import BadInput


@dataclass(frozen=True)
class Person:
    """Whose keys a command uses. An empty sign_in or approve means: this person cannot, from here."""

    name: str
    sign_in: str = ""
    approve: str = ""
    registrar: str = ""


@dataclass(frozen=True)
class Settings:
    """What the file says; `path` is where it was, or where it would be."""

    path: Path
    server: str = ""
    person: str = ""
    approver: str = ""
    roster: Path = Path()
    people: dict[str, Person] = field(default_factory=dict)

    def who(self, name: str | None, *, approver: bool = False) -> Person:
        """The named person, or the default one; raises E_CONFIG with the file's name."""
        chosen = name or (self.approver if approver else "") or self.person
        if not chosen:
            raise BadInput("E_CONFIG", f"{self.path} names no person", "set `person` there, or give --as NAME")
        if chosen not in self.people:
            raise BadInput("E_CONFIG", f"{self.path} has no [people.{chosen}]", "add it there, or give --as NAME")
        return self.people[chosen]

    def server_url(self) -> str:
        """The server's address; raises E_CONFIG where none is set."""
        if not self.server:
            raise BadInput(
                "E_CONFIG", f"no server is named in {self.path}", "run beside a demo, or set `server` in that file"
            )
        return self.server.rstrip("/")


def find(environ: Mapping[str, str] = os.environ, start: Path | None = None) -> Path:
    """The settings file in force, or the one in the home folder when there is none yet."""
    if named := environ.get("SERENO_CONFIG"):
        return Path(named).expanduser()
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (candidate := folder / ".demo" / "cli.toml").is_file():
            return candidate
    configured = environ.get("XDG_CONFIG_HOME") or str(Path(environ.get("HOME", "~")).expanduser() / ".config")
    return Path(configured) / "sereno" / "cli.toml"


def load(path: Path) -> Settings:
    """Reads the file; a missing one gives empty settings, a broken one E_CONFIG."""
    try:
        document = tomllib.loads(path.read_text()) if path.exists() else {}
    except (OSError, ValueError) as error:
        raise BadInput("E_CONFIG", f"{path}: {error}") from error
    try:
        people = {name: _person(name, entry, path.parent) for name, entry in document.pop("people", {}).items()}
        roster = path.parent / document.pop("roster", "roster")
        return Settings(path=path, people=people, roster=roster, **document)
    except (TypeError, AttributeError) as error:
        raise BadInput("E_CONFIG", f"{path}: {error}") from error


def _person(name: str, entry: dict[str, Any], folder: Path) -> Person:
    keys = {purpose: _key(value, folder) for purpose, value in entry.items()}
    return Person(name, **keys)


def _key(value: str, folder: Path) -> str:
    if value == "agent" or value.startswith("agent:"):
        return value
    return str(folder / Path(value).expanduser())
