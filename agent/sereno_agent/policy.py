r"""policy.toml: what the machine's owner allows. Missing or invalid means: nothing is allowed.

    [collect]
    deny = ["network"]                # collectors that stay off

    [folders.app-logs]                # a folder that collectors, checks and actions may use by this name
    path = "/var/log/app"             # absolute, without links in it
    quota_bytes = 62914560            # 0 or left out: none
    rotate = ["*.log"]                # file names in it (not in its subfolders) that rotate_logs may rotate
    remove = ["*.log.*", "*.gz"]      # file names in it that remove_old_files may remove ...
    keep = 2                          # ... except the newest so many of them

    [files.app-config]                # a file whose changes are sent with a diff and whose earlier versions are kept
    path = "/etc/app/app.conf"
    restore = true                    # restore_file may put an earlier version back; left out: no

    [trees.app-settings]              # a folder whose files are watched, subfolders too; short texts with a diff
    path = "/etc/app"
    include = ["*.conf", "*.yaml"]    # file names that count; left out: all
    exclude = [".git", "*.swp"]       # names of files and folders that do not

    [services.web]                    # a service that is measured by itself, and that checks may ask after
    unit = "nginx.service"
    allow = ["restart"]               # what actions may do to it; for this, [processes] and more see policy_touch.py

    [hosts.database]                  # a host that checks may look up, ask whether it answers, and connect to
    name = "db.example.com"
    ports = [5432]                    # left out: none

    [urls.shop]                       # an address that http_probe may fetch
    url = "https://shop.example.com/health"
    status = 200                      # what the answer must be; left out: 200
    contains = "ok"                   # what its beginning must hold; left out: anything

    [plugins.load]                    # a program that speaks the Nagios plugin protocol, with all its arguments
    command = ["/usr/lib/nagios/plugins/check_load", "-w", "8,6,4", "-c", "16,12,8"]
    timeout_s = 10                    # left out: 10

    [certificates.site]               # a certificate whose expiry is watched: a file, or what listens at an address
    path = "/etc/ssl/site.pem"        # or: listen = "localhost:443"

    [registry.agent]                  # Windows: a registry key whose values are watched
    key = 'HKLM\SOFTWARE\Example'

    [actions]
    allow = ["rotate_logs"]           # left out: none

    [logs.app]                        # lines that are sent; see policy_logs.py
    path = "/var/log/app/*.log"

    [journal]
    read = true

    [redact]
    patterns = ["password=\\S+"]      # regular expressions; what they match never leaves the machine

An unknown key, a wrong type, a path that is not absolute or has `..` in it, and a pattern that does not compile are
refused with file and line, and then nothing at all is allowed: half a policy is nobody's intention.
"""

import os
import stat
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from sereno_agent import policy_text, policy_touch
from sereno_agent.policy_logs import JournalSource, LogSource, journal_source, log_source
from sereno_agent.policy_probes import host, plugin, url
from sereno_agent.policy_text import Table
from sereno_diagnostics.allowed import (
    Allowed,
    NamedDatabase,
    NamedHost,
    NamedLog,
    NamedMount,
    NamedPackage,
    NamedPlugin,
    NamedProcess,
    NamedTemplate,
    NamedUrl,
    NamedVolume,
    WatchedCertificate,
    WatchedFile,
    WatchedFolder,
    WatchedService,
    WatchedTree,
)
from sereno_proto.errors import BadInput
from sereno_proto.ids import sha256
from sereno_proto.limits import NAMES_TOLD_MAX, POLICY_BYTES_MAX, POLICY_KEEP_MAX

__all__ = [
    "JournalSource",
    "LogSource",
    "Policy",
    "WatchedFile",
    "WatchedFolder",
    "WatchedTree",
    "allowed",
    "in_force",
    "load",
    "parse",
]

_TABLES: Final = (
    "collect", "folders", "files", "trees", "services", "hosts", "urls", "plugins", "certificates", "registry", "logs",
    "journal", "actions", "redact", "processes", "packages", "mounts", "volumes", "templates",
)  # fmt: skip
_QUOTA_BYTES_MAX: Final = 1 << 60
_LISTEN: Final = r"(?:[A-Za-z0-9][A-Za-z0-9.-]{0,252}|\[[0-9a-f:]{2,45}\]):[0-9]{1,5}"


_KEY: Final = r"HK(?:LM|U|CR)\\[^\x00-\x1f*?\"<>|]{1,500}"


@dataclass(frozen=True)
class WatchedKey:
    """A key of Windows' registry."""

    name: str
    key: str


@dataclass(frozen=True)
class Policy:
    """What is in force on this machine."""

    folders: dict[str, WatchedFolder] = field(default_factory=dict)
    files: dict[str, WatchedFile] = field(default_factory=dict)
    trees: dict[str, WatchedTree] = field(default_factory=dict)
    services: dict[str, WatchedService] = field(default_factory=dict)
    hosts: dict[str, NamedHost] = field(default_factory=dict)
    urls: dict[str, NamedUrl] = field(default_factory=dict)
    plugins: dict[str, NamedPlugin] = field(default_factory=dict)
    certificates: dict[str, WatchedCertificate] = field(default_factory=dict)
    registry: dict[str, WatchedKey] = field(default_factory=dict)
    actions: frozenset[str] = frozenset()
    collectors_denied: frozenset[str] = frozenset()
    redact: tuple[str, ...] = ()
    logs: dict[str, LogSource] = field(default_factory=dict)
    journal: JournalSource | None = None
    processes: dict[str, NamedProcess] = field(default_factory=dict)
    packages: dict[str, NamedPackage] = field(default_factory=dict)
    mounts: dict[str, NamedMount] = field(default_factory=dict)
    volumes: dict[str, NamedVolume] = field(default_factory=dict)
    templates: dict[str, NamedTemplate] = field(default_factory=dict)
    journal_keep_bytes: int = 0
    digest: str = ""
    error: str = ""  # why nothing is allowed; empty = valid


def load(path: Path) -> Policy:
    """Reads the policy; raises BadInput with E_POLICY_INVALID naming file, line and key."""
    content = _read(path)
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise policy_text.invalid(path, 0, f"not UTF-8 at byte {error.start}") from error
    return replace(parse(text, path), digest=sha256(content))


def in_force(path: Path) -> Policy:
    """Reads the policy; one that is missing or invalid becomes one that allows nothing and says why."""
    try:
        return load(path)
    except BadInput as error:
        return Policy(error=error.what)


def allowed(
    policy: Policy, path: Path, state: Path, *, databases: Mapping[str, str] | None = None, server: str = ""
) -> Allowed:
    """The names in force as checks and actions take them, with Sereno's own files that no action touches.

    databases: name and kind of those in agent.toml, which is the owner's too; server: host:port of the one joined.
    """
    code = Path(__file__).parent
    return Allowed(
        state=state,
        folders=policy.folders,
        files=policy.files,
        services=policy.services,
        hosts=policy.hosts,
        urls=policy.urls,
        plugins=policy.plugins,
        certificates=policy.certificates,
        databases={name: NamedDatabase(name, kind) for name, kind in (databases or {}).items()},
        logs={name: NamedLog(name, source.path, source.exclude) for name, source in policy.logs.items()},
        processes=policy.processes,
        packages=policy.packages,
        mounts=policy.mounts,
        volumes=policy.volumes,
        templates=policy.templates,
        journal_keep_bytes=policy.journal_keep_bytes,
        server=server,
        protected=(path, code),
    )


def names_told(policy: Policy, databases: Collection[str]) -> list[str]:
    """What checks and actions may be given, `folder app-logs`: the names alone, never what they stand for."""
    kinds: dict[str, Collection[str]] = {
        "folder": policy.folders, "file": policy.files, "service": policy.services, "host": policy.hosts,
        "url": policy.urls, "plugin": policy.plugins, "certificate": policy.certificates, "log": policy.logs,
        "database": databases, "process": policy.processes, "package": policy.packages, "mount": policy.mounts,
        "volume": policy.volumes, "template": policy.templates,
    }  # fmt: skip
    return [f"{kind} {name}" for kind, names in kinds.items() for name in sorted(names)][:NAMES_TOLD_MAX]


def parse(text: str, path: Path) -> Policy:
    """The policy of a text; `path` is for messages. Raises BadInput with E_POLICY_INVALID."""
    document = policy_text.read(text, path)
    document.only(*_TABLES)
    collect, actions, redact = document.table("collect"), document.table("actions"), document.table("redact")
    collect.only("deny")
    actions.only("allow")
    redact.only("patterns")
    return Policy(
        folders={name: _folder(name, entry) for name, entry in document.table("folders").tables()},
        files={name: _file(name, entry) for name, entry in document.table("files").tables()},
        trees={name: _tree(name, entry) for name, entry in document.table("trees").tables()},
        services={name: policy_touch.service(name, entry) for name, entry in document.table("services").tables()},
        hosts={name: host(name, entry) for name, entry in document.table("hosts").tables()},
        urls={name: url(name, entry) for name, entry in document.table("urls").tables()},
        plugins={name: plugin(name, entry) for name, entry in document.table("plugins").tables()},
        certificates={name: _certificate(name, entry) for name, entry in document.table("certificates").tables()},
        registry={name: _key(name, entry) for name, entry in document.table("registry").tables()},
        actions=frozenset(actions.names("allow")),
        collectors_denied=frozenset(collect.names("deny")),
        redact=redact.expressions("patterns"),
        logs={name: log_source(name, entry) for name, entry in document.table("logs").tables()},
        journal=journal_source(document.table("journal")),
        processes={name: policy_touch.process(name, entry) for name, entry in document.table("processes").tables()},
        packages={name: policy_touch.package(name, entry) for name, entry in document.table("packages").tables()},
        mounts={name: policy_touch.mount(name, entry) for name, entry in document.table("mounts").tables()},
        volumes={name: policy_touch.volume(name, entry) for name, entry in document.table("volumes").tables()},
        templates={name: policy_touch.template(name, entry) for name, entry in document.table("templates").tables()},
        journal_keep_bytes=policy_touch.journal_keep_bytes(document.table("journal")),
    )


def _folder(name: str, entry: Table) -> WatchedFolder:
    entry.only("path", "quota_bytes", "rotate", "remove", "keep")
    return WatchedFolder(
        name=name,
        path=entry.path("path"),
        quota_bytes=entry.integer("quota_bytes", 0, 0, _QUOTA_BYTES_MAX),
        rotate=entry.globs("rotate"),
        remove=entry.globs("remove"),
        keep=entry.integer("keep", 2, 0, POLICY_KEEP_MAX),
    )


def _file(name: str, entry: Table) -> WatchedFile:
    entry.only("path", "restore")
    return WatchedFile(name=name, path=entry.path("path"), restore=entry.boolean("restore", default=False))


def _tree(name: str, entry: Table) -> WatchedTree:
    entry.only("path", "include", "exclude")
    return WatchedTree(
        name=name, path=entry.path("path"), include=entry.globs("include"), exclude=entry.globs("exclude")
    )


def _certificate(name: str, entry: Table) -> WatchedCertificate:
    entry.only("path", "listen", "renew")
    if entry.has("path") == entry.has("listen"):
        raise entry.wrong("", "needs either a path or an address that listens")
    if entry.has("path"):
        return WatchedCertificate(name=name, path=entry.path("path"), renew=policy_touch.command("renew", entry))
    if entry.has("renew"):
        raise entry.wrong("renew", "needs the certificate's path, to see that it was renewed")
    return WatchedCertificate(name=name, listen=entry.text("listen", _LISTEN, "an address such as localhost:443"))


def _key(name: str, entry: Table) -> WatchedKey:
    entry.only("key")
    return WatchedKey(name=name, key=entry.text("key", _KEY, r"a key such as HKLM\SOFTWARE\Example"))


def _read(path: Path) -> bytes:
    """The file's bytes, when only its owner (this user or root) may have written them."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with open(descriptor, "rb") as file:  # noqa: PTH123, it is open already
            status = os.fstat(file.fileno())
            problem = _unsafe(status, os.geteuid())
            if problem:
                raise policy_text.invalid(path, 0, problem)
            content = file.read(POLICY_BYTES_MAX + 1)
    except OSError as error:
        raise policy_text.invalid(path, 0, error.strerror or str(error)) from error
    if len(content) > POLICY_BYTES_MAX:
        raise policy_text.invalid(path, 0, f"longer than {POLICY_BYTES_MAX} bytes")
    return content


def _unsafe(status: os.stat_result, user: int) -> str:
    """Why the file cannot be trusted to be its owner's word, or ''."""
    problems = (
        (not stat.S_ISREG(status.st_mode), "not a regular file"),
        (status.st_uid not in {0, user}, f"owned by user {status.st_uid}, neither root nor this user"),
        (bool(status.st_mode & stat.S_IWOTH), "everybody may write to it"),
        (bool(status.st_mode & stat.S_IWGRP) and status.st_uid == 0, "its group may write to it"),
    )
    return next((what for wrong, what in problems if wrong), "")
