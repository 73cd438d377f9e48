"""How often somebody may try to sign in: a bucket of tokens for each caller."""

from collections import OrderedDict

from sereno_proto.errors import Refused

BUCKETS_MAX = 10_000  # the oldest is forgotten beyond that


class Rate:
    """Allows `burst` tries at once and `per_s` more each second, for each key apart."""

    def __init__(self, burst: int, per_s: float) -> None:
        self._burst = burst
        self._per_s = per_s
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str, now_s: float) -> None:
        """Counts one try; raises E_TOO_MANY_REQUESTS when there are too many."""
        left, at = self._buckets.pop(key, (float(self._burst), now_s))
        left = min(float(self._burst), left + max(0.0, now_s - at) * self._per_s)
        if left < 1:
            self._buckets[key] = (left, now_s)
            raise Refused("E_TOO_MANY_REQUESTS")
        self._buckets[key] = (left - 1, now_s)
        while len(self._buckets) > BUCKETS_MAX:
            self._buckets.popitem(last=False)
