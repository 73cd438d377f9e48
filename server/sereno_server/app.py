"""The one place that makes every part of the server and wires them together."""

from dataclasses import dataclass
from datetime import UTC, datetime

from sereno_server.config import Settings
from sereno_server.store.engine import Store
from sereno_server.store.events import Events


@dataclass(frozen=True)
class App:
    """What every part of a running server is given."""

    settings: Settings
    store: Store
    events: Events
    started_at: datetime


def now() -> datetime:
    """The server's clock, UTC; parts take it as an argument."""
    return datetime.now(UTC)
