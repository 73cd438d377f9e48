"""rpm's database by `rpm -qa`, and who asked: dnf's history, or zypper's."""

import re
import time
from typing import Final

from sereno_agent.host import Host
from sereno_agent.software import NEAR_S, Database, Installed
from sereno_agent.software.dpkg import tail

FORMAT: Final = "%{NAME} %{EPOCHNUM}:%{VERSION}-%{RELEASE} %{ARCH}\\n"
_ZYPP_HISTORY: Final = "/var/log/zypp/history"
# dnf 4 says `Command Line`, without the program; dnf 5 `Description`, with it.
_DNF_FIELD: Final = re.compile(
    r"^(User|Command Line|Description|Begin time|End time)[ \t]*: (.*?)[ \t]*$", re.MULTILINE
)
_DNF_PERSON: Final = re.compile(r"<([^<>]+)>")
_DNF_TIMES: Final = ("%a %b %d %H:%M:%S %Y", "%Y-%m-%d %H:%M:%S")
_ZYPP_TIME: Final = "%Y-%m-%d %H:%M:%S"
_ZYPP_COMMAND_FIELDS: Final = 4


def _installed(host: Host) -> Installed | None:
    # Where rpm cannot open its database it says nothing and ends with 0: no package at all is no answer.
    packages = rpm(host.ask("rpm", "-qa", "--queryformat", FORMAT) or "")
    return Installed(packages) if packages else None


def rpm(text: str) -> dict[str, str]:
    """Packages of `rpm -qa` in our format; where several versions of one are installed (kernel), all of them."""
    packages: dict[str, list[str]] = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) == 3 and words[0] != "gpg-pubkey":  # noqa: PLR2004, our format
            packages.setdefault(words[0], []).append(words[1].removeprefix("0:"))
    return {name: ", ".join(sorted(set(versions))) for name, versions in packages.items()}


def dnf_request(info: str, modified_s: float) -> str:
    """Who asked dnf, and how, of `dnf history info last`; empty unless it ended near the moment given."""
    fields = dict(_DNF_FIELD.findall(info))
    ended = _moment(fields.get("End time", "").partition(" (")[0]) or _moment(fields.get("Begin time", ""))
    if ended is None or abs(modified_s - ended) > NEAR_S:
        return ""
    named = _DNF_PERSON.search(fields.get("User", ""))
    person = named[1] if named and named[1] != "unset" else ""
    command = fields.get("Description") or f"dnf {fields.get('Command Line', '')}".strip()
    return ", ".join(part for part in (person, command) if part)[:200]


def zypper_request(history: str, modified_s: float) -> str:
    """Who asked zypper, of the last `|command|` line of its history: DATE|command|user@host|'zypper' 'install' 'x'|."""
    for line in reversed(history.splitlines()):
        fields = line.split("|")
        if len(fields) < _ZYPP_COMMAND_FIELDS or fields[1] != "command":
            continue
        try:
            at = time.mktime(time.strptime(fields[0], _ZYPP_TIME))
        except ValueError:
            return ""
        # The command is written down when it begins; what it does may take long.
        if not -NEAR_S <= modified_s - at <= 3600:  # noqa: PLR2004, an hour
            return ""
        command = fields[3].replace("'", "")
        return f"{fields[2].partition('@')[0]}, {command}"[:200]
    return ""


def _moment(text: str) -> float | None:
    # In UTC, as programs are asked (host.py).
    import calendar  # noqa: PLC0415, needed where dnf is, and only after a change

    for form in _DNF_TIMES:
        try:
            return calendar.timegm(time.strptime(text.strip(), form))
        except ValueError:
            continue
    return None


def _who(host: Host, modified_s: float) -> str:
    if host.exists("/var/lib/dnf") and (
        said := dnf_request(host.ask("dnf", "--cacheonly", "history", "info", "last") or "", modified_s)
    ):
        return said
    return zypper_request(tail(host, _ZYPP_HISTORY), modified_s)


RPM: Final = Database(
    "rpm",
    (
        "/usr/lib/sysimage/rpm/rpmdb.sqlite", "/var/lib/rpm/rpmdb.sqlite", "/usr/lib/sysimage/rpm/Packages.db",
        "/var/lib/rpm/Packages.db", "/var/lib/rpm/Packages",
    ),
    _installed,
    busy=lambda host: host.exists("/usr/lib/sysimage/rpm/rpmdb.sqlite-journal"),
    who=_who,
)  # fmt: skip
