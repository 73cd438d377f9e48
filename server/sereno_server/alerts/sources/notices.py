"""What devices say of themselves: a skewed clock, a full spool, a clone."""

from datetime import timedelta

from sereno_server.alerts.signal import Signal
from sereno_server.alerts.situation import Situation

FRESH_S = 15 * 60  # a device repeats a notice while it holds; one that came late from a spool raises nothing
SEVERITY = {
    "E_CLOCK_SKEW": "watch",
    "E_CLOCK_BACK": "watch",
    "E_COLLECTOR": "watch",
    "E_SPOOL_FULL": "soon",
    "E_DUPLICATE_IDENTITY": "failing",
}


def notices(situation: Situation) -> list[Signal]:
    """One signal for every notice that was said of late and means something here."""
    return [
        Signal(
            kind=notice.code.removeprefix("E_").lower(),
            device_id=notice.device_id,
            object="",
            severity=SEVERITY[notice.code],
            title=notice.what[:1].upper() + notice.what[1:],
            since=notice.at,
        )
        for notice in situation.notices
        if notice.code in SEVERITY and situation.now - notice.at <= timedelta(seconds=FRESH_S)
    ]
