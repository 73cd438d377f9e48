"""Correlate: what belongs together becomes one ticket."""

from collections import defaultdict
from dataclasses import replace
from datetime import timedelta

from sereno_server.alerts.signal import Signal
from sereno_server.alerts.situation import Firing, Situation

STORM_DEVICES_MIN = 5
STORM_WINDOW_S = 120.0
TWIN_RATIO = 2.0  # two bounded resources that grow this alike on one device are filled by the same thing
NESTED = {"folder", "filesystem"}


def correlate(situation: Situation, signals: list[Signal]) -> list[Signal]:
    """Names the group, and so the ticket, of every signal.

    A signal's own fingerprint is its group, unless its alert has a ticket already, many devices show the same kind
    at once (a storm), or a folder and the filesystem around it grow alike.
    """
    storms = _storms(situation, signals)
    return [replace(signal, group=_group(signal, signals, situation, storms)) for signal in signals]


def _group(signal: Signal, signals: list[Signal], situation: Situation, storms: dict[str, set[str]]) -> str:
    firing = situation.firing.get(signal.fingerprint)
    if firing is not None and firing.ticket_id is not None:
        owners = (known.fingerprint for known in situation.tickets.values() if known.id == firing.ticket_id)
        return next(owners, signal.fingerprint)
    if signal.fingerprint in storms.get(signal.kind, ()):
        return f"storm:{signal.kind}"
    return _twin(signal, signals, situation) or signal.fingerprint


def _storms(situation: Situation, signals: list[Signal]) -> dict[str, set[str]]:
    """For every kind in a storm, the fingerprints in it: enough devices at about the same time.

    An open storm takes in whatever of its kind begins within its window.
    """
    storms: dict[str, set[str]] = {}
    fresh: dict[str, list[Signal]] = defaultdict(list)
    for signal in signals:
        if not signal.gone and signal.alert_id is None:
            fresh[signal.kind].append(signal)
    for kind, members in fresh.items():
        open_storm = situation.tickets.get(f"storm:{kind}")
        latest = max(signal.since for signal in members)
        together = [signal for signal in members if latest - signal.since <= timedelta(seconds=STORM_WINDOW_S)]
        devices = {signal.device_id for signal in together}
        if len(devices) >= STORM_DEVICES_MIN or (open_storm is not None and open_storm.open):
            storms[kind] = {signal.fingerprint for signal in together}
    return storms


def _twin(signal: Signal, signals: list[Signal], situation: Situation) -> str:
    """The group of the folder inside a growing filesystem, or of the filesystem around a growing folder."""
    if signal.kind != "exhaustion" or signal.resource not in NESTED:
        return ""
    growth = signal.figures.get("growth_per_s", 0.0)
    for firing in situation.firing.values():
        if firing.device_id == signal.device_id and _alike(growth, signal.resource, firing):
            known = next((known for known in situation.tickets.values() if known.id == firing.ticket_id), None)
            if known is not None and known.open:
                return known.fingerprint
    if signal.resource == "filesystem":
        for other in signals:
            if other.device_id == signal.device_id and not other.gone and _alike(growth, signal.resource, other):
                return other.fingerprint
    return ""


def _alike(growth: float, resource: str, other: Signal | Firing) -> bool:
    if other.kind != "exhaustion" or {resource, other.resource} != NESTED:
        return False
    rate = other.figures.get("growth_per_s", 0.0) if isinstance(other, Signal) else other.growth_per_s
    return growth > 0 and rate > 0 and max(growth, rate) <= TWIN_RATIO * min(growth, rate)
