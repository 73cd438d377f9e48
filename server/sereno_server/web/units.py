"""What the values of a series are, from the ending of its name: bytes, seconds, a share, degrees, or just a number."""

from datetime import UTC, datetime

import numpy as np

from sereno_server.reads.resources import SeriesRow
from sereno_server.reads.words import Words
from sereno_server.store.blocks import Int64

_DIGITS_BELOW = ((1.0, 4), (10.0, 3), (1000.0, 2))  # a small number needs more of them
_MOMENTS = {"boot_time_seconds", "certificate_expires_seconds"}  # seconds since 1970
_RESET_STEPS = 5  # a pause of so many usual steps is a gap


def amount(series: SeriesRow, value: float, words: Words) -> str:
    """A value in the unit of its series; of a counter, how fast it grows."""
    name, counts = series.name, series.kind == "counter"
    if name.endswith(("_bytes", "_bytes_total")):
        said = words.bytes(value)
    elif name.endswith("_ratio"):
        return f"{words.number(value * 100, 1)}\N{NO-BREAK SPACE}%"
    elif name.endswith("_celsius"):
        return f"{words.number(value, 1)}\N{NO-BREAK SPACE}°C"
    elif name in _MOMENTS:
        return words.exact(datetime.fromtimestamp(value, UTC))
    elif name.endswith("_seconds") and not counts:
        return words.span(value) if abs(value) >= 60 else f"{_plain(value, words)}\N{NO-BREAK SPACE}s"  # noqa: PLR2004
    elif name.endswith("_seconds"):
        return f"{words.number(value * 100, 1)}\N{NO-BREAK SPACE}%"  # seconds a second are a share of the time
    else:
        said = _plain(value, words)
    return f"{said}/s" if counts else said


def _plain(value: float, words: Words) -> str:
    digits = next((digits for limit, digits in _DIGITS_BELOW if abs(value) < limit), 0)
    return words.number(value, 0 if value == round(value) else digits)


def gaps(times: Int64) -> Int64:
    """After which places nothing was measured for long."""
    steps = np.diff(times)
    return np.flatnonzero(steps > _RESET_STEPS * np.median(steps)) if steps.size else np.zeros(0, np.int64)
