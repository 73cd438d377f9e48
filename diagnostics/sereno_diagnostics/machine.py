"""What a check may learn of the machine itself: small files of the kernel, programs' answers, probes of the network.

The agent hands it in; checks reach it through their reader only, which asks nothing that a parameter could word.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple, Protocol


class Lookup(NamedTuple):
    """What became of looking up a name."""

    addresses: tuple[str, ...]
    seconds: float
    error: str  # empty when there are addresses


class Program(NamedTuple):
    """All processes of one name."""

    name: str
    processes: int
    resident_bytes: int


class Status(NamedTuple):
    """A file or folder, a link itself and not what it leads to."""

    mode: int
    size_bytes: int
    modified_s: float
    links: int
    owner: int


class Space(NamedTuple):
    """Room on one file system. Free is what an ordinary user may still take."""

    size_bytes: int
    free_bytes: int
    inodes: int
    inodes_free: int
    read_only: bool


class Connected(NamedTuple):
    """What became of opening a TCP connection; error is empty when it opened."""

    seconds: float
    error: str
    address: str = ""


class Shown(NamedTuple):
    """One certificate of a chain."""

    subject: str
    issuer: str
    not_before_s: float
    not_after_s: float
    names: tuple[str, ...] = ()


class Handshake(NamedTuple):
    """What a TLS server showed. distrust: why this machine would not trust it; empty when it would."""

    seconds: float
    error: str
    distrust: str = ""
    protocol: str = ""
    cipher: str = ""
    chain: tuple[Shown, ...] = ()


class Fetched(NamedTuple):
    """The answer to one GET; status 0 when there was none."""

    status: int
    seconds: float
    error: str
    body: str = ""  # its beginning
    content_type: str = ""


class PluginEnd(NamedTuple):
    """How a plugin ended. overrun: `time`, `output`, or empty. left: processes that it left, which were ended."""

    exit_code: int
    output: str
    overrun: str = ""
    left: int = 0
    error: str = ""  # why it could not be started


class Rows(NamedTuple):
    """What a database answered."""

    rows: tuple[Mapping[str, object], ...]
    seconds: float
    error: str = ""


class Machine(Protocol):
    """The machine as the agent sees it."""

    def read(self, path: str) -> str | None:
        """A file's whole text; None when it is missing, unreadable or beyond the bound."""
        ...

    def tail(self, path: str, size_bytes: int) -> str | None:
        """The end of a regular file; None when it is missing, a link or unreadable."""
        ...

    def names(self, folder: str) -> list[str]:
        """The names in a folder; none when it is missing or unreadable."""
        ...

    def look(self, path: str, *, follow: bool = False) -> Status | None:
        """What lies at a path, a link itself unless followed; None when nothing does, or it may not be asked."""
        ...

    def target(self, path: str) -> str:
        """Where a link leads; empty when there is none or it may not be read."""
        ...

    def space(self, mount: str) -> Space | None:
        """Room on the file system mounted there; None when it does not say."""
        ...

    def ask(
        self,
        *command: str,
        request: bytes = b"",
        timeout_s: float = 20.0,
        codes: Collection[int] | None = None,
        scratch: bool = False,
    ) -> str | None:
        """What a program writes; None when there is none such or it does not end in time, or with none of the codes.

        scratch: it may write temporary files.
        """
        ...

    def resolve(self, host: str, timeout_s: float) -> Sequence[str]:
        """The addresses of a host's name; raises OSError when there are none, TimeoutError when none came in time."""
        ...

    def connect(self, host: str, port: int, timeout_s: float) -> Connected:
        """Opens a TCP connection and closes it."""
        ...

    def shake(self, host: str, port: int, timeout_s: float) -> Handshake:
        """Makes a TLS handshake, and looks at what the server shows whether it is trusted or not."""
        ...

    def certificates(self, path: str) -> tuple[Sequence[Shown], str]:
        """The certificates of a PEM or DER file, or why they cannot be read."""
        ...

    def fetch(self, url: str, timeout_s: float) -> Fetched:
        """One GET, following nothing."""
        ...

    def plug(self, command: Sequence[str], timeout_s: float) -> PluginEnd:
        """Runs a plugin of the policy within limits, and ends whatever it leaves behind."""
        ...

    def query(self, database: str, statement: str) -> Rows:
        """Asks one database of agent.toml, read-only."""
        ...

    def clock(self) -> Mapping[str, float]:
        """State (5: not synchronised), offset_s and error_max_s as the kernel has them; empty when it does not say."""
        ...

    def databases(self) -> Mapping[str, str]:
        """The databases that may be asked, by name, and of which kind each is."""
        ...


class Nothing:
    """A machine that tells nothing."""

    def read(self, path: str) -> str | None:  # noqa: ARG002
        return None

    def tail(self, path: str, size_bytes: int) -> str | None:  # noqa: ARG002
        return None

    def names(self, folder: str) -> list[str]:  # noqa: ARG002
        return []

    def look(self, path: str, *, follow: bool = False) -> Status | None:  # noqa: ARG002
        return None

    def target(self, path: str) -> str:  # noqa: ARG002
        return ""

    def space(self, mount: str) -> Space | None:  # noqa: ARG002
        return None

    def ask(
        self,
        *command: str,  # noqa: ARG002
        request: bytes = b"",  # noqa: ARG002
        timeout_s: float = 20.0,  # noqa: ARG002
        codes: Collection[int] | None = None,  # noqa: ARG002
        scratch: bool = False,  # noqa: ARG002
    ) -> str | None:
        return None

    def resolve(self, host: str, timeout_s: float) -> Sequence[str]:  # noqa: ARG002
        raise OSError("no name can be looked up here")

    def connect(self, host: str, port: int, timeout_s: float) -> Connected:  # noqa: ARG002
        return Connected(0.0, "there is no network here")

    def shake(self, host: str, port: int, timeout_s: float) -> Handshake:  # noqa: ARG002
        return Handshake(0.0, "there is no network here")

    def certificates(self, path: str) -> tuple[Sequence[Shown], str]:  # noqa: ARG002
        return (), "there are no files here"

    def fetch(self, url: str, timeout_s: float) -> Fetched:  # noqa: ARG002
        return Fetched(0, 0.0, "there is no network here")

    def plug(self, command: Sequence[str], timeout_s: float) -> PluginEnd:  # noqa: ARG002
        return PluginEnd(3, "", error="no plugin can be started here")

    def query(self, database: str, statement: str) -> Rows:  # noqa: ARG002
        return Rows((), 0.0, "no database can be asked here")

    def clock(self) -> Mapping[str, float]:
        return {}

    def databases(self) -> Mapping[str, str]:
        return {}
