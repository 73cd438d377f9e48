"""Who was there when something changed: asked of logind's sessions or utmp, and never passed off as who did it."""

import struct
from pathlib import Path

import pytest

from sereno_agent.host import Host
from sereno_agent.present import attribute, logged_in
from sereno_proto.v1.link_pb2 import Change

NOW, HOUR = 1_795_000_000_000, 3_600_000


def session(root: Path, name: str, **fields: str) -> None:
    folder = root / "run/systemd/sessions"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(
        "# This is private data. Do not parse.\n" + "".join(f"{k}={v}\n" for k, v in fields.items())
    )


def utmp(kind: int, user: bytes, line: bytes, host: bytes) -> bytes:
    return struct.pack("<hxxi32s4s32s256s52x", kind, 100, line, b"ts/0", user, host)


def test_sessions_of_people_and_not_those_of_services_or_that_end(tmp_path: Path) -> None:
    session(tmp_path, "4", USER="noa", CLASS="user", STATE="active", REMOTE_HOST="192.0.2.7", TTY="pts/0")
    session(tmp_path, "5", USER="gdm", CLASS="greeter", STATE="active", TTY="tty1")
    session(tmp_path, "6", USER="eve", CLASS="user", STATE="closing")
    session(tmp_path, "c1", USER="till", CLASS="user", STATE="online", TTY="tty2")
    assert list(logged_in(Host(str(tmp_path)))) == ["noa from 192.0.2.7", "till on tty2"]


def test_utmp_where_there_is_no_logind(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    records = utmp(2, b"reboot", b"~", b"6.1.0") + utmp(7, b"noa", b"pts/0", b"192.0.2.7") + utmp(8, b"", b"pts/1", b"")
    (tmp_path / "run/utmp").write_bytes(records + b"cut")
    assert list(logged_in(Host(str(tmp_path)))) == ["noa from 192.0.2.7"]
    assert list(logged_in(Host(str(tmp_path / "nowhere")))) == []


@pytest.mark.parametrize(
    ("change", "since", "who"),
    [
        (Change(kind="sudo"), NOW - HOUR, "? noa on tty1"),
        (Change(kind="file", modified_ms=NOW - 5000), NOW, "? noa on tty1"),
        (Change(kind="package", who="till, apt-get install x"), NOW - HOUR, "till, apt-get install x"),
        (Change(kind="port"), NOW - HOUR, ""),
        (Change(kind="file", modified_ms=NOW - HOUR), NOW - HOUR, ""),
        (Change(kind="sudo"), NOW - 5000, ""),
    ],
)
def test_who_is_named_only_where_it_may_have_been_them(tmp_path: Path, change: Change, since: int, who: str) -> None:
    session(tmp_path, "4", USER="noa", CLASS="user", STATE="active", TTY="tty1")
    attribute([change], Host(str(tmp_path)), NOW, since)
    assert change.who == who
