"""Open anomalies: many series of a device depart together. Watched, without a ticket: unusual is not yet wrong."""

from sereno_server.alerts.signal import Signal
from sereno_server.alerts.situation import Situation


def anomalies(situation: Situation) -> list[Signal]:
    """One signal for every device with an open incident."""
    return [
        Signal(
            kind="anomaly",
            device_id=anomaly.device_id,
            object="",
            severity="watch",
            title=anomaly.title,
            since=min(anomaly.made_at, situation.now),
            figures={"strength": anomaly.strength},
        )
        for anomaly in situation.anomalies
    ]
