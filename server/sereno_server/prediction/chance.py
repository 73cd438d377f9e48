"""How often does such a change happen on this device anyway? Counted in events: what comes together counts once."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Final, Protocol

TOGETHER_S: Final = 120.0  # changes that follow one another within this are one event
BORROWED: Final = 20.0  # events elsewhere that count beside the device's own for how its events spread over the kinds
KIND_SHARE: Final = 0.12  # of a kind among them: there are about eight usual ones
UNSEEN: Final = 0.5  # where nothing else happened at all, half an event might have


class Placed(Protocol):
    """A change in time. own: False when only siblings got it."""

    @property
    def kind(self) -> str: ...

    @property
    def at(self) -> datetime: ...

    @property
    def own(self) -> bool: ...


class Usual:
    """The rates of a device's changes, from those of `span_s` seconds."""

    def __init__(self, changes: Sequence[Placed], span_s: float) -> None:
        self.span_s = span_s
        self._events: dict[tuple[datetime, bool], int] = {}
        for own in (True, False):
            self._place(sorted(change.at for change in changes if change.own is own), own)
        of_kind = {(self.event(change), change.kind, change.own) for change in changes}
        self._of_kind = Counter((kind, own) for _, kind, own in of_kind)
        self._all = Counter(own for _, own in {(event, own) for (_, own), event in self._events.items()})

    def _place(self, moments: Sequence[datetime], own: bool) -> None:  # noqa: FBT001 (whose they are)
        number, last = len(self._events), None
        for at in moments:
            number += last is not None and (at - last).total_seconds() > TOGETHER_S
            self._events[at, own], last = number, at

    def event(self, change: Placed) -> int:
        """Which event the change belongs to."""
        return self._events[change.at, change.own]

    def rate(self, change: Placed) -> float:
        """How many events of this kind happen a second, the change itself not counted.

        The device's own rate of events, spread over the kinds as its own events are and as events are elsewhere.
        """
        others = self._all[change.own] - 1
        alike = self._of_kind[change.kind, change.own] - 1
        share = (alike + BORROWED * KIND_SHARE) / (others + BORROWED)
        return (others + UNSEEN) / self.span_s * share
