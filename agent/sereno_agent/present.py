"""Who was logged in when something changed: not who did it, but whom to ask. From logind's sessions, or utmp."""

from collections.abc import Iterable, Iterator
from typing import Final

from sereno_agent.host import Host
from sereno_proto.v1.link_pb2 import Change

NOT_KNOWN: Final = "? "  # what stands before people who were there when nobody wrote down who did it
# What people do. Ports, addresses, mounts and hardware change by themselves.
KINDS: Final = frozenset(
    {
        "cron", "dns", "environment", "file", "firewall", "group", "network", "package", "password", "service",
        "sshkey", "sudo", "sysctl", "tree", "unit", "user",
    }
)  # fmt: skip
RECENT_MS: Final = 10 * 60_000  # what was written longer ago may be another's
PEOPLE_MAX: Final = 4
_SESSIONS: Final = "/run/systemd/sessions"
_UTMP: Final = "/run/utmp"
# struct utmp of Linux, see utmp(5)
_RECORD_BYTES: Final = 384
_USER_PROCESS: Final = 7
_LINE, _USER, _HOST = slice(8, 40), slice(44, 76), slice(76, 332)


def attribute(changes: Iterable[Change], host: Host, now_ms: int, running_since_ms: int) -> None:
    """Fills `who` where the system told nobody, with those who were there; leaves it empty where that says nothing."""
    wanted = [
        change
        for change in changes
        if not change.who and change.kind in KINDS
        # A state that is compared has no time of its own: what changed while the agent was off is not told apart.
        and (now_ms - change.modified_ms < RECENT_MS if change.modified_ms else now_ms - running_since_ms > RECENT_MS)
    ]  # fmt: skip
    if wanted and (people := ", ".join(list(dict.fromkeys(logged_in(host)))[:PEOPLE_MAX])):
        for change in wanted:
            change.who = f"{NOT_KNOWN}{people}"


def logged_in(host: Host) -> Iterator[str]:
    """`noa from 192.0.2.7`, `till on tty1`, of every session that a person has."""
    names = [name for name in host.names(_SESSIONS) if not name.endswith(".ref")]
    if names:
        for name in names:
            text = host.read(f"{_SESSIONS}/{name}") or ""
            session = dict(line.partition("=")[::2] for line in text.splitlines())
            if session.get("CLASS") == "user" and session.get("USER") and session.get("STATE") != "closing":
                yield _said(session["USER"], session.get("REMOTE_HOST", ""), session.get("TTY", ""))
        return
    records = host.content(_UTMP) or b""
    for at in range(0, len(records) - _RECORD_BYTES + 1, _RECORD_BYTES):
        record = records[at : at + _RECORD_BYTES]
        if int.from_bytes(record[:2], "little") == _USER_PROCESS:
            yield _said(_text(record[_USER]), _text(record[_HOST]), _text(record[_LINE]))


def _said(user: str, remote: str, line: str) -> str:
    where = f" from {remote}" if remote else f" on {line}" if line else ""
    return (user + where)[:80]


def _text(field: bytes) -> str:
    return field.partition(b"\0")[0].decode("utf-8", "replace")
