"""How often each collector runs: the owner's word first, the server's wish within it."""

from collections.abc import Mapping
from typing import Final

from sereno_agent.collectors import Collector
from sereno_agent.config import COLLECT_INTERVAL_MS_MAX, Config

_WISHES_MAX: Final = 256


class Intervals:
    """The server may ask for any interval from the owner's minimum up.

    Where the owner names one for a collector, or the collector itself does, the server can only slow it down.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._wished_ms = 0
        self._wished_of: dict[str, int] = {}

    def wish(self, interval_ms: int, by_collector: Mapping[str, int]) -> bool:
        """Takes the server's wishes; gives whether they are others than before. 0 = the agent's own."""
        of = dict(list(by_collector.items())[:_WISHES_MAX])
        changed = (interval_ms, of) != (self._wished_ms, self._wished_of)
        self._wished_ms, self._wished_of = interval_ms, of
        return changed

    def of(self, collector: Collector) -> float:
        """Seconds between two runs of a collector."""
        config = self._config
        own_ms = config.collector_interval_ms.get(collector.name, 0) or collector.interval_ms
        wished_ms = self._wished_of.get(collector.name, 0) or self._wished_ms
        if wished_ms:
            interval_ms = max(wished_ms, own_ms, config.collect_interval_ms_min)
        else:
            interval_ms = own_ms or config.collect_interval_ms
        return min(interval_ms, COLLECT_INTERVAL_MS_MAX) / 1000
