"""Correlate: what belongs together becomes one ticket."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from sereno_server.alerts.signal import SEVERITIES, STORM, Signal
from sereno_server.alerts.situation import Firing, KnownTicket, Situation

STORM_DEVICES_MIN = 5
STORM_WINDOW_S = 120.0  # what began within this is one event
STORM_JOIN_S = 600.0  # an open storm takes in what comes later, as long as it goes on
TWIN_RATIO = 2.0  # two bounded resources that grow this alike on one device are filled by the same thing
NESTED = {"folder", "filesystem"}


def correlate(situation: Situation, signals: list[Signal]) -> list[Signal]:
    """Names the group, and so the ticket, of every signal.

    A signal's own fingerprint is its group, unless its alert has a ticket already, many devices show the same thing at
    once (a storm), a folder and the filesystem around it grow alike, or something else is wrong with the same thing.
    """
    owners = {known.id: known for known in situation.tickets.values()}
    storms = _storms(situation, signals, owners)
    beside: dict[str, list[Signal | Firing]] = defaultdict(list)
    others: list[Signal | Firing] = [*situation.firing.values(), *signals]
    for other in others:
        if other.kind == "exhaustion" and other.resource in NESTED and not (isinstance(other, Signal) and other.gone):
            beside[other.device_id].append(other)
    things = _things(situation, signals, owners)
    grouped = []
    for signal in signals:
        group = (
            _own(signal, situation, owners)
            or storms.get(signal.fingerprint)
            or _twin(signal, beside, owners)
            or things.get(_thing(signal))
        )
        grouped.append(replace(signal, group=group or signal.fingerprint))
    return grouped


def _own(signal: Signal, situation: Situation, owners: Mapping[str, KnownTicket]) -> str:
    """The group of the ticket that its alert has already."""
    firing = situation.firing.get(signal.fingerprint)
    owner = owners.get(firing.ticket_id or "") if firing else None
    return owner.fingerprint if owner else ""


def _storms(situation: Situation, signals: list[Signal], owners: Mapping[str, KnownTicket]) -> dict[str, str]:
    """The storm's group for every fingerprint in one: the same thing on enough devices at about the same time."""
    fresh: dict[str, list[Signal]] = defaultdict(list)
    for signal in signals:
        if not signal.gone and signal.alert_id is None:
            fresh[_storm(signal)].append(signal)
    going_on = {
        owners[firing.ticket_id].fingerprint
        for firing in situation.firing.values()
        if firing.ticket_id is not None
        and firing.ticket_id in owners
        and situation.now - firing.opened_at <= timedelta(seconds=STORM_JOIN_S)
    }
    storms: dict[str, str] = {}
    for group, members in fresh.items():
        latest = max(signal.since for signal in members)
        together = [signal for signal in members if latest - signal.since <= timedelta(seconds=STORM_WINDOW_S)]
        if len({signal.device_id for signal in together}) >= STORM_DEVICES_MIN or group in going_on:
            storms |= {signal.fingerprint: group for signal in together}
    return storms


def _things(
    situation: Situation, signals: list[Signal], owners: Mapping[str, KnownTicket]
) -> dict[tuple[str, str, str], str]:
    """By device, resource and object: the group of its open ticket, else of its worst signal. A disk is one ticket."""
    groups: dict[tuple[str, str, str], str] = {}
    for signal in sorted(signals, key=lambda signal: -SEVERITIES.index(signal.severity)):
        if not signal.gone and signal.resource:
            groups.setdefault(_thing(signal), signal.fingerprint)
    for firing in situation.firing.values():
        owner = owners.get(firing.ticket_id or "")
        if firing.resource and owner is not None and owner.open:
            groups[_thing(firing)] = owner.fingerprint
    return groups


def _thing(about: Signal | Firing) -> tuple[str, str, str]:
    return about.device_id, about.resource, about.object


def _storm(signal: Signal) -> str:
    """`storm:silent`, `storm:exhaustion:folder:app-logs`."""
    return STORM + ":".join(part for part in (signal.kind, signal.resource, signal.object) if part)


def _twin(signal: Signal, beside: Mapping[str, list[Signal | Firing]], owners: Mapping[str, KnownTicket]) -> str:
    """The group of the folder inside a growing filesystem, or of the filesystem around a growing folder.

    One that has an open ticket takes the other in; of two fresh ones the folder does, for it says more.
    """
    if signal.kind != "exhaustion" or signal.resource not in NESTED:
        return ""
    growth = signal.figures.get("growth_per_s", 0.0)
    for other in beside[signal.device_id]:
        if not _alike(growth, signal.resource, other):
            continue
        if isinstance(other, Firing):
            owner = owners.get(other.ticket_id or "")
            if owner is not None and owner.open:
                return owner.fingerprint
        elif signal.resource == "filesystem" and other.alert_id is None:
            return other.fingerprint
    return ""


def _alike(growth: float, resource: str, other: Signal | Firing) -> bool:
    if {resource, other.resource} != NESTED:
        return False
    rate = other.figures.get("growth_per_s", 0.0) if isinstance(other, Signal) else other.growth_per_s
    return growth > 0 and rate > 0 and max(growth, rate) <= TWIN_RATIO * min(growth, rate)
