"""Suppress: no new alert for what is announced, or follows from something that is down."""

from datetime import datetime, timedelta

from sereno_proto import limits
from sereno_server.alerts.signal import Signal
from sereno_server.alerts.situation import Device, Situation, Window

SETTLE = timedelta(seconds=limits.RECONNECT_DELAY_S_MAX + limits.DEVICE_SILENT_S)


def suppress(situation: Situation, signals: list[Signal]) -> list[Signal]:
    """Drops new signals in maintenance, behind a parent that is down, of a silent device, of a server just back.

    What fires already goes on: announcing work on a burning house does not put the fire out.
    """
    return [
        signal
        for signal in signals
        if signal.gone or signal.fingerprint in situation.firing or not _reason(signal, situation)
    ]


def _reason(signal: Signal, situation: Situation) -> str:
    """Why a new signal is not worth anybody's attention; "" when it is."""
    device = situation.devices.get(signal.device_id)
    if device is None:
        return "no such device"
    if any(_covers(window, device, situation.now) for window in situation.windows):
        return "maintenance"
    if _parent_down(device, situation):
        return "parent down"
    if signal.kind == "silent":
        return "server just back" if situation.now - situation.up_since < SETTLE else ""
    return "silent" if situation.silent_since(device.id) is not None else ""


def _covers(window: Window, device: Device, now: datetime) -> bool:
    if not window.starts_at <= now < window.ends_at:
        return False
    if window.device_id is not None:
        return window.device_id == device.id
    return window.site is None or window.site == device.site


def _parent_down(device: Device, situation: Situation) -> bool:
    """Follows the parents upwards; a circle of them, which a person may have typed, ends the walk."""
    met = {device.id}
    parent_id = device.parent_id
    while parent_id is not None and parent_id not in met:
        if situation.silent_since(parent_id) is not None:
            return True
        met.add(parent_id)
        parent = situation.devices.get(parent_id)
        parent_id = parent.parent_id if parent else None
    return False
