"""Devices that fell silent, noticed by the server's own clock."""

from sereno_server.alerts.signal import Signal
from sereno_server.alerts.situation import Situation


def silence(situation: Situation) -> list[Signal]:
    """One signal for every device that should be heard and is not."""
    found = []
    for device in situation.devices.values():
        since = situation.silent_since(device.id)
        if since is not None:
            title = f"Device {device.name} has been silent since {since:%H:%M} UTC"
            figures = {"silent_s": (situation.now - since).total_seconds()}
            found.append(Signal("silent", device.id, "", "soon", title, since, figures=figures))
    return found
