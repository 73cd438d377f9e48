"""Counters become rates: how fast a count rose between two samples, resets understood. Pure."""

import numpy as np

from sereno_server.store.blocks import Float64, Int64

GAP_STEPS = 4.0  # times the usual step: beyond this it is not known when the count rose


def rate(times: Int64, values: Float64) -> tuple[Int64, Float64]:
    """Units a second at the end of each interval between samples; one point fewer than there are samples.

    times: (n,) milliseconds, rising; values: (n,), or (series, n) of several measured together. A count that is lower
    than before was reset and began again at 0: what it shows now is what it rose by at the least. Where samples are of
    one moment, or so far apart that machine or agent were away, there is no point.
    """
    if times.size < 2:  # noqa: PLR2004, two samples make an interval
        return times[:0], values[..., :0]
    elapsed = np.diff(times)
    rose = np.diff(values)
    rose = np.where(rose < 0, values[..., 1:], rose)
    known = elapsed > 0
    if known.any():
        known &= elapsed <= GAP_STEPS * np.median(elapsed[known])
    return times[1:][known], rose[..., known] * 1000 / elapsed[known]
