"""Notify: say what is new, once a ticket, in one line."""

from collections import defaultdict
from dataclasses import replace

from sereno_server.alerts.signal import Signal, worse
from sereno_server.alerts.situation import Situation


def notify(situation: Situation, signals: list[Signal]) -> list[Signal]:
    """Puts the line for the ticket's timeline on the first signal of each ticket that has news, none on the others."""
    news: dict[str, list[int]] = defaultdict(list)
    lines = [_line(signal, situation) for signal in signals]
    for index, signal in enumerate(signals):
        if signal.case is not None and lines[index]:
            news[signal.case.fingerprint].append(index)
    notes = {
        indices[0]: lines[indices[0]] + (f", and {len(indices) - 1} more" if len(indices) > 1 else "")
        for indices in news.values()
    }
    return [replace(signal, note=notes.get(index, "")) for index, signal in enumerate(signals)]


def _line(signal: Signal, situation: Situation) -> str:
    firing = situation.firing.get(signal.fingerprint)
    if signal.gone:
        return f"No longer: {situation.subject(signal)}"
    if firing is None:
        return f"Back again: {signal.title}" if signal.case and signal.case.reopened else signal.title
    return f"Worse: {signal.title}" if worse(signal.severity, firing.severity) else ""
