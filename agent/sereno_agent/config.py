"""agent.toml, the owner's settings of the agent, and joined.json, what joining made. Neither grants anything."""

import json
import os
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sereno_proto.errors import BadInput
from sereno_proto.limits import PLAN_VALID_S, SPOOL_BYTES_MAX

if TYPE_CHECKING:
    from sereno_agent.database_settings import Database

COLLECT_INTERVAL_MS: Final = 15_000
COLLECT_INTERVAL_MS_MIN: Final = 1_000
COLLECT_INTERVAL_MS_MAX: Final = 3_600_000
SPOOL_BYTES_MIN: Final = 1 << 20


class Config(NamedTuple):
    """How the agent works on this machine. The server may slow collection down or speed it up within the minimum."""

    policy: Path | None = None  # None: policy.toml in the state folder
    collect_interval_ms: int = COLLECT_INTERVAL_MS
    collect_interval_ms_min: int = COLLECT_INTERVAL_MS_MIN
    collector_interval_ms: dict[str, int] = {}  # noqa: RUF012, a NamedTuple's default, never changed
    spool_bytes_max: int = SPOOL_BYTES_MAX
    plan_valid_s: int = PLAN_VALID_S  # how long a plan of this device may be signed and carried out
    databases: "dict[str, Database]" = {}  # noqa: RUF012, as above


class Joined(NamedTuple):
    """Who this device is, and where it sends to."""

    device_id: str
    name: str
    organisation_id: str
    link_address: str  # host:port
    joined_ms: int = 0


_BOUNDS: Final = {
    "collect_interval_ms": (COLLECT_INTERVAL_MS_MIN, COLLECT_INTERVAL_MS_MAX),
    "collect_interval_ms_min": (100, COLLECT_INTERVAL_MS_MAX),
    "spool_bytes_max": (SPOOL_BYTES_MIN, SPOOL_BYTES_MAX),
    "plan_valid_s": (1, PLAN_VALID_S),
}


def load(path: Path) -> Config:
    """Reads agent.toml; a missing file means the defaults. Raises BadInput with E_CONFIG naming file and key."""
    try:
        document = tomllib.loads(path.read_text())
    except FileNotFoundError:
        return Config()
    except (OSError, ValueError) as error:
        raise BadInput("E_CONFIG", f"{path}: {error}") from error
    values: dict[str, Any] = {}
    for key, value in document.items():
        if key == "policy":
            if not isinstance(value, str) or not Path(value).is_absolute():
                raise BadInput("E_CONFIG", f"{path}: policy: an absolute path is needed")
            values[key] = Path(value)
        elif key == "collector_interval_ms":
            if not isinstance(value, dict):
                raise BadInput("E_CONFIG", f"{path}: {key}: a table of collector = milliseconds is needed")
            bounds = _BOUNDS["collect_interval_ms"]
            values[key] = {name: _bounded(path, f"{key}.{name}", interval, bounds) for name, interval in value.items()}
        elif key == "databases":
            from sereno_agent import database_settings  # noqa: PLC0415, most machines name none

            values[key] = database_settings.read(f"{path}: {key}", value)
        elif key in _BOUNDS:
            values[key] = _bounded(path, key, value, _BOUNDS[key])
        else:
            raise BadInput("E_CONFIG", f"{path}: {key}: no such setting")
    return Config(**values)


def _bounded(path: Path, key: str, value: object, bounds: tuple[int, int]) -> int:
    low, high = bounds
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise BadInput("E_CONFIG", f"{path}: {key}: an integer of {low} to {high} is needed")
    return value


def write_joined(path: Path, joined: Joined) -> None:
    """Writes joined.json, on disk when this returns; the caller places it atomically."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "w") as file:
        file.write(json.dumps(joined._asdict(), indent=1) + "\n")
        file.flush()
        os.fsync(fd)


def read_joined(path: Path) -> Joined:
    """Reads joined.json; raises BadInput with E_NOT_JOINED when there is none."""
    try:
        return Joined(**json.loads(path.read_text()))
    except FileNotFoundError:
        raise BadInput("E_NOT_JOINED", f"{path.parent} holds no identity") from None
    except (OSError, ValueError, TypeError) as error:
        raise BadInput("E_CONFIG", f"{path}: {error}") from error
