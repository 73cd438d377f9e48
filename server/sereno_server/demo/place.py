"""The demo's folder: everything it makes lies below it, and nothing elsewhere."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sereno_proto.errors import BadInput

QUOTA_BYTES = 60_000_000


@dataclass(frozen=True)
class Place:
    """Paths below the demo's folder."""

    folder: Path

    @property
    def lock(self) -> Path:
        """Held while a demo runs."""
        return self.folder / "lock"

    @property
    def keys(self) -> Path:
        """The private keys of the demo's people; in production each lies with its person."""
        return self.folder / "keys"

    @property
    def workstation(self) -> Path:
        """Root and rosters, as on the administrator's workstation."""
        return self.folder / "workstation"

    @property
    def server_data(self) -> Path:
        """The server's data folder, PostgreSQL in it."""
        return self.folder / "server"

    @property
    def server_config(self) -> Path:
        """server.toml: what differs from production is here to be seen."""
        return self.folder / "server.toml"

    @property
    def approve_site(self) -> Path:
        """The approval page, as it would lie on a static host."""
        return self.folder / "approve-site"

    @property
    def agent(self) -> Path:
        """The agent's state folder, with its policy.toml and agent.toml."""
        return self.folder / "agent"

    @property
    def app(self) -> Path:
        """A small application of this machine, whose logs and settings the agent watches."""
        return self.folder / "app"

    @property
    def app_logs(self) -> Path:
        """The watched folder with a quota."""
        return self.app / "logs"

    @property
    def app_config(self) -> Path:
        """The watched configuration file."""
        return self.app / "app.conf"

    @property
    def logs(self) -> Path:
        """What the processes print."""
        return self.folder / "logs"

    @property
    def cli_config(self) -> Path:
        """The settings by which `sereno` works here without arguments."""
        return self.folder / "cli.toml"

    def make(self) -> None:
        """Creates the folders; 0711 where PostgreSQL's own user must pass through when this is root."""
        try:
            for passed_through in (self.folder, self.server_data):
                passed_through.mkdir(mode=0o711, parents=True, exist_ok=True)
            for folder in (self.keys, self.workstation, self.agent, self.logs):
                folder.mkdir(mode=0o700, exist_ok=True)
            self.app_logs.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BadInput(
                "E_CONFIG", f"{self.folder}: {error.strerror}", "choose another folder: --data DIR"
            ) from error

    def read_state(self) -> dict[str, Any]:
        """What an earlier start noted: ports, processes."""
        path = self.folder / "state.json"
        return dict(json.loads(path.read_text())) if path.exists() else {}

    def write_state(self, **entries: Any) -> None:
        """Adds entries to what is noted."""
        write_private(self.folder / "state.json", json.dumps({**self.read_state(), **entries}, indent=2) + "\n")


def write_private(path: Path, content: str) -> None:
    """Writes a file that only this user reads, whole or not at all."""
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(content)
    part.replace(path)


def default_folder(start: Path | None = None) -> Path:
    """`.demo` in the clone that the working folder belongs to, else in the working folder itself."""
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / "pyproject.toml").is_file() and (folder / "server" / "sereno_server").is_dir():
            return folder / ".demo"
    return here / ".demo"
