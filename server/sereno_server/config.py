"""The server's settings: server.toml, overridden by SERENO_* variables."""

import dataclasses
import os
import socket
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from sereno_proto.errors import BadInput

PREFIX = "SERENO_"


def _default_data_dir() -> Path:
    return Path("/var/lib/sereno") if os.geteuid() == 0 else Path.home() / ".local" / "share" / "sereno"


@dataclass(frozen=True)
class Settings:
    """What an administrator may set. Intervals are in the unit that their name ends with."""

    data_dir: Path = dataclasses.field(default_factory=_default_data_dir)
    database_url: str = ""  # empty: a private PostgreSQL in data_dir
    pg_bin: str = ""  # a folder with initdb and postgres, before the wheel's
    public_url: str = "http://localhost:8080"  # fixes the origin of the console
    approve_url: str = ""  # where the release's approval page is hosted, apart from this server; empty: nowhere
    smtp_url: str = dataclasses.field(
        default="", repr=False
    )  # smtp://user:password@host:587 or smtps://; empty: no mail
    mail_from: str = "sereno@localhost"
    http_host: str = "127.0.0.1"
    http_port: int = 8080
    link_host: str = "0.0.0.0"  # noqa: S104 (agents dial in from anywhere; mutual TLS guards it)
    link_port: int = 7443
    enroll_host: str = "0.0.0.0"  # noqa: S104 (the same, with one-time tokens)
    enroll_port: int = 7444
    link_address: str = ""  # what agents are told to dial; empty: public_url's host and link_port
    enroll_address: str = ""
    playbooks: str = ""  # the organisation's own: a folder, or a git repository (https://, ssh://, file://, user@host:)
    forecast_interval_s: float = 300.0
    collect_interval_ms: int = 0  # asked of every device, which may be slower; 0 = its own
    node: str = dataclasses.field(default_factory=socket.gethostname)

    def link_target(self) -> str:
        """host:port that agents dial for their stream."""
        return self.link_address or f"{self._public_host()}:{self.link_port}"

    def enroll_target(self) -> str:
        """host:port that a joining agent dials."""
        return self.enroll_address or f"{self._public_host()}:{self.enroll_port}"

    def _public_host(self) -> str:
        return urlsplit(self.public_url).hostname or "localhost"


def load(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """Reads the settings; a variable wins over the file. Raises E_CONFIG naming file and key."""
    given: dict[str, object] = {}
    if path is not None:
        try:
            given = tomllib.loads(path.read_text())
        except (OSError, ValueError) as error:
            raise BadInput("E_CONFIG", f"{path}: {error}") from error
    fields = {field.name: field for field in dataclasses.fields(Settings)}
    for key in given:
        if key not in fields:
            raise BadInput("E_CONFIG", f"{path}: unknown key {key}")
    values = {key: _checked(str(path), fields[key], value) for key, value in given.items()}
    for name, field in fields.items():
        variable = PREFIX + name.upper()
        if variable in environ:
            values[name] = _checked(variable, field, environ[variable])
    settings = Settings(**values)  # type: ignore[arg-type]
    _check_ranges(settings)
    return settings


def _checked(source: str, field: "dataclasses.Field[object]", value: object) -> object:
    """The value in the field's own type; text is read as a number where one is wanted."""
    kind = field.type
    try:
        if kind is Path and isinstance(value, str) and value:
            return Path(value).expanduser()
        if kind is int and not isinstance(value, bool) and isinstance(value, (int, str)):
            return int(value)
        if kind is float and not isinstance(value, bool) and isinstance(value, (int, float, str)):
            return float(value)
    except ValueError as error:
        raise BadInput("E_CONFIG", f"{source}: {field.name}: {error}") from error
    if kind is str and isinstance(value, str):
        return value
    raise BadInput("E_CONFIG", f"{source}: {field.name} does not take {value!r}")


def _check_ranges(settings: Settings) -> None:
    for name in ("http_port", "link_port", "enroll_port"):
        port = getattr(settings, name)
        if not 0 <= port <= 65535:  # noqa: PLR2004 (0 = any free port)
            raise BadInput("E_CONFIG", f"{name}: {port} is no port")
    if not settings.forecast_interval_s > 0:
        raise BadInput("E_CONFIG", "forecast_interval_s must be above 0")
    if settings.collect_interval_ms < 0:
        raise BadInput("E_CONFIG", "collect_interval_ms must not be negative")
    url = urlsplit(settings.public_url)
    if url.scheme not in ("http", "https") or not url.hostname:
        raise BadInput("E_CONFIG", f"public_url: {settings.public_url!r} is no http(s) address")
    if settings.smtp_url and urlsplit(settings.smtp_url).scheme not in ("smtp", "smtps"):
        raise BadInput("E_CONFIG", "smtp_url is no smtp:// or smtps:// address")  # not quoted: it may hold a password
    if settings.approve_url:
        _check_approve_url(settings.approve_url, settings.public_url)


def _check_approve_url(approve_url: str, public_url: str) -> None:
    """An https address, or one below localhost, and not the console's own: the server must not control it."""
    url = urlsplit(approve_url)
    host = url.hostname or ""
    local = host == "localhost" or host.endswith(".localhost")
    if not (url.scheme == "https" or (url.scheme == "http" and local)) or not host or url.query or url.fragment:
        raise BadInput("E_CONFIG", f"approve_url: {approve_url!r} is no https address")
    if host == urlsplit(public_url).hostname:
        raise BadInput("E_CONFIG", f"approve_url: {host} is the console's own name; a passkey must not work there")
