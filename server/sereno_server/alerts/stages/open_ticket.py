"""Open ticket: every group that matters gets one ticket: the open one, one resolved of late, or a fresh one."""

from collections import defaultdict
from dataclasses import replace

from sereno_server.alerts.signal import SEVERITIES, STORM, Case, Signal, worse
from sereno_server.alerts.situation import Situation
from sereno_server.alerts.subject import named

FAILING_SOON_S = 3600.0
TODAY_S = 12 * 3600.0
WIDE_DEVICES_MIN = 5


def open_ticket(situation: Situation, signals: list[Signal]) -> list[Signal]:
    """Gives every signal its case. What is only watched has none, unless its group has a ticket."""
    groups: dict[str, list[Signal]] = defaultdict(list)
    for signal in signals:
        groups[signal.group].append(signal)
    cases = {group: _case(group, members, situation) for group, members in groups.items()}
    return [replace(signal, case=cases[signal.group]) for signal in signals]


def _case(group: str, members: list[Signal], situation: Situation) -> Case | None:
    devices = len({signal.device_id for signal in members})
    live = [signal for signal in members if not signal.gone]
    known = situation.tickets.get(group)
    new = [signal for signal in live if signal.alert_id is None]
    if known is not None and (known.open or not new):  # a ticket that a person resolved stays so until it comes back
        urgent = min([known.priority, *(priority(signal, devices) for signal in live)])
        return Case(group, known.device_id, known.title, urgent, known.id)
    lead = max(live, key=lambda signal: SEVERITIES.index(signal.severity), default=None)
    if lead is None or not worse(lead.severity, "watch"):
        return None
    title = situation.subject(lead) if len(live) == 1 or not group.startswith(STORM) else _storm_title(live)
    urgency = min(priority(signal, devices) for signal in live)
    if known is not None:
        return Case(group, known.device_id, title, urgency, known.id, reopened=True)
    return Case(group, lead.device_id, title, urgency)


def _storm_title(members: list[Signal]) -> str:
    """`14 devices: silent since 03:12 UTC`."""
    since = min(signal.since for signal in members)
    one = members[0]
    what = {"exhaustion": f"{named(one.resource, one.object)} runs full"}.get(one.kind, one.kind.replace("_", " "))
    return f"{len({signal.device_id for signal in members})} devices: {what} since {since:%H:%M} UTC"


def priority(signal: Signal, devices: int = 1) -> int:
    """Impact times urgency, 1 (now) to 4 (some day).

    Impact: many devices, or the machine as a whole, outweigh one folder. Urgency: what fails now or within the hour
    outweighs today, and today the days after.
    """
    impact = 3 if devices >= WIDE_DEVICES_MIN else 2 if signal.resource != "folder" else 1
    left = signal.figures.get("left_s")
    if signal.severity == "failing" or (left is not None and left <= FAILING_SOON_S):
        urgency = 3
    elif signal.severity == "soon" and (left is None or left <= TODAY_S):
        urgency = 2
    else:
        urgency = 1
    product = impact * urgency  # 1, 2, 3, 4, 6, 9
    return 1 if product >= 6 else 2 if product >= 3 else 3 if product == 2 else 4  # noqa: PLR2004
