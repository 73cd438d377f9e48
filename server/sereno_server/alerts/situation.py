"""What is known at one moment about an organisation: everything that the stages decide on, read once, never written."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sereno_proto import limits
from sereno_server.alerts.signal import Signal
from sereno_server.alerts.subject import subject

CONNECTED_FACTOR = 10


@dataclass(frozen=True)
class Device:
    """A device that is not revoked. clock_offset_ms: how far its clock is ahead of the server's."""

    id: str
    name: str
    site: str | None = None
    parent_id: str | None = None
    last_seen: datetime | None = None
    connected: bool = False
    clock_offset_ms: int = 0


@dataclass(frozen=True)
class Forecast:
    """An open forecast."""

    id: str
    device_id: str
    resource: str
    object: str
    made_at: datetime
    updated_at: datetime
    full_at: datetime | None
    confidence: float
    value: float
    capacity: float
    growth_per_s: float


@dataclass(frozen=True)
class Anomaly:
    """An open incident of a device whose series depart from their past."""

    device_id: str
    title: str
    made_at: datetime
    strength: float


@dataclass(frozen=True)
class Condition:
    """What a rule found and still holds."""

    device_id: str
    rule: str
    object: str
    title: str
    figure: float
    made_at: datetime


@dataclass(frozen=True)
class Notice:
    """What a device says of itself, last said `at`."""

    device_id: str
    code: str
    what: str
    at: datetime


@dataclass(frozen=True)
class Window:
    """Maintenance: of one device, of a site, or of everything when both are None."""

    device_id: str | None
    site: str | None
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True)
class Firing:
    """An alert that fires now."""

    id: str
    fingerprint: str
    device_id: str
    kind: str
    resource: str
    object: str
    severity: str
    title: str
    opened_at: datetime
    last_at: datetime
    ticket_id: str | None
    forecast_id: str | None
    growth_per_s: float = 0.0


@dataclass(frozen=True)
class KnownTicket:
    """A ticket that is open, or was resolved within the reopen window."""

    id: str
    fingerprint: str
    device_id: str
    title: str
    priority: int
    open: bool


@dataclass(frozen=True)
class Situation:
    """One organisation at one moment. up_since: since when this server has been listening without a gap."""

    now: datetime
    up_since: datetime
    devices: Mapping[str, Device]
    forecasts: tuple[Forecast, ...] = ()
    anomalies: tuple[Anomaly, ...] = ()
    conditions: tuple[Condition, ...] = ()
    notices: tuple[Notice, ...] = ()
    windows: tuple[Window, ...] = ()
    firing: Mapping[str, Firing] = field(default_factory=dict)  # by fingerprint
    opened_lately: Mapping[str, int] = field(default_factory=dict)  # by fingerprint: how often it fired of late
    tickets: Mapping[str, KnownTicket] = field(default_factory=dict)  # by fingerprint

    def subject(self, signal: Signal) -> str:
        """What a signal is called as long as it lasts."""
        device = self.devices.get(signal.device_id)
        return subject(signal.kind, signal.resource, signal.object, device.name if device else signal.device_id)

    def silent_since(self, device_id: str) -> datetime | None:
        """Since when nothing has been heard of a device that should be there; None while all is well.

        Nobody can be heard while the server is down, so time that the server did not listen does not count, and every
        agent gets the longest delay of a reconnect on top. An open stream is kept alive by both ends, so one that says
        nothing is given longer: its agent may collect slowly.
        """
        device = self.devices.get(device_id)
        if device is None or device.last_seen is None:
            return None
        limit_s = limits.DEVICE_SILENT_S * (CONNECTED_FACTOR if device.connected else 1)
        listening = self.up_since + timedelta(seconds=limits.RECONNECT_DELAY_S_MAX)
        heard = max(device.last_seen, listening)
        return device.last_seen if self.now - heard >= timedelta(seconds=limit_s) else None
