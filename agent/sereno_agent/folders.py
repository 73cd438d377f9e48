"""Where the agent keeps what. Every path of the state folder is named here and nowhere else.

Two layouts. Rootless: one user owns all of it, and core and executor are that user. Installed (see installer/): the
folder `core` is there and belongs to the core's user, and everything the core writes lies in it; the rest belongs to
root and to the executor's user, and the core can only read it. Nobody but root can make `core`, so that its presence
is a fact to rely on.
"""

from pathlib import Path
from typing import Final

STATE_DEFAULT: Final = Path("/var/lib/sereno-agent")


class Folders:
    """The state folder's paths. Nothing is created by asking; `make()` creates the folders, for this user only."""

    def __init__(self, state: Path = STATE_DEFAULT, policy: Path | None = None, config: Path | None = None) -> None:
        self.state = state.absolute()
        self.policy = (policy or self.state / "policy.toml").absolute()
        self.config = (config or self.state / "agent.toml").absolute()
        self.split = (self.state / "core").is_dir()  # installed: core and executor are two users
        self.core = self.state / "core" if self.split else self.state  # what the core writes lies in here
        self.executor_socket = self.state / "executor.sock"  # where the executor is reached when installed so
        self.shared_mode = 0o640 if self.split else 0o600  # of files that one of the two users writes for the other
        self.joined = self.state / "joined.json"  # written last by join: its presence says that join succeeded
        self.identity = self.state / "identity"
        self.identity_key = self.identity / "identity.key"  # OpenSSH Ed25519, read by the executor only
        self.tls = self.state / "tls"
        self.client_key = self.tls / "client.key"
        self.client_pem = self.tls / "client.pem"
        self.ca_pem = self.tls / "ca.pem"
        self.pins = self.state / "pins"
        self.root_text = self.pins / "root.txt"
        self.root_signatures = self.pins / "root.sig.json"
        self.later_roots = self.pins / "roots.json"  # those that came after root.txt
        self.roster_text = self.pins / "roster.txt"
        self.roster_signatures = self.pins / "roster.sig.json"
        self.grants = self.pins / "grants"  # made in advance, and how often each was used
        self.plans = self.state / "plans"
        self.runs = self.state / "runs"
        self.ledger = self.state / "ledger.jsonl"
        self.spool = self.core / "spool"
        self.versions = self.core / "versions"
        self.snapshots = self.core / "snapshots"  # what packages, users, ... were when they were last told
        self.inventory = self.core / "inventory.json"  # the facts that the server was told
        self.witness = self.core / "witness.json"  # the newest checkpoint of the server's ledger
        self.lockdown = self.state / "lockdown"
        self.status = self.core / "status.json"  # what the running core last said of itself
        self.wants = self.core / "wants.json"  # what the server last wished for
        self.lock = self.core / "agent.lock"  # held while a core runs

    def version(self, digest: str) -> Path:
        """The kept earlier version of a watched file whose content has this digest (`sha256:HEX`)."""
        algorithm, _, value = digest.partition(":")
        if algorithm != "sha256" or len(value) != 64 or value.strip("0123456789abcdef"):  # noqa: PLR2004, its length
            raise ValueError(f"not a digest: {digest!r}")
        return self.versions / f"sha256-{value}"

    def make(self) -> None:
        """Creates the state folder and those in it, readable by this user only.

        When installed, the installer has made what the core may not make, and only the core's own part is made here.
        """
        self.state.mkdir(mode=0o700, parents=True, exist_ok=True)
        inner = (self.identity, self.tls, self.pins, self.plans, self.runs, self.spool, self.versions, self.snapshots)
        for folder in inner:
            if not folder.is_dir():
                folder.mkdir(mode=0o700, exist_ok=True)
