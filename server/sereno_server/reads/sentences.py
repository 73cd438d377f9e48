"""The headline of a page is its answer: one sentence, with a time in it."""

from datetime import datetime
from typing import Protocol

from sereno_server.reads.rows import AlertRow, ForecastRow, Health, TicketBrief
from sereno_server.reads.words import Words

_NEVER_FULL = {"certificate", "battery", "disk_wear"}  # they end, expire or run empty


class _Device(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def health(self) -> Health: ...
    @property
    def last_seen(self) -> datetime | None: ...
    @property
    def forecast(self) -> ForecastRow | None: ...
    @property
    def alert(self) -> AlertRow | None: ...
    @property
    def lockdown(self) -> bool: ...


def resource_name(resource: str, object_: str, words: Words) -> str:
    """What runs out, as people call it: `app-logs`, `/var`, `Memory`, `Inodes of /var`."""
    named = {
        "folder": words.say("Folder {name}", name=object_),
        "filesystem": object_,
        "inodes": words.say("Inodes of {name}", name=object_),
        "folder_files": words.say("Files in {name}", name=object_),
        "memory": words.say("Memory"),
        "swap": words.say("Swap"),
        "huge_pages": words.say("Huge pages"),
        "file_descriptors": words.say("Open files"),
        "process_ids": words.say("Process ids"),
        "conntrack": words.say("Tracked connections"),
        "thin_pool": words.say("Thin pool {name}", name=object_),
        "thin_pool_metadata": words.say("Metadata of thin pool {name}", name=object_),
        "container_memory": words.say("Memory of container {name}", name=object_),
        "container_tasks": words.say("Processes of container {name}", name=object_),
        "certificate": words.say("Certificate {name}", name=object_),
        "battery": words.say("Battery {name}", name=object_),
        "disk_wear": words.say("Wear of disk {name}", name=object_),
        "database": words.say("Database {name}", name=object_),
        "device": words.say("The whole machine"),
    }
    return named.get(resource) or f"{resource} {object_}".strip()


def fate(resource: str, object_: str, words: Words, *, over: bool = False) -> str:
    """What becomes of it: `/var full`, `Certificate www expires`; over: it has come to that."""
    what = resource_name(resource, object_, words)
    match resource:
        case "certificate":
            return words.say("{what} has expired", what=what) if over else words.say("{what} expires", what=what)
        case "battery":
            return words.say("{what} is empty", what=what) if over else words.say("{what} empty", what=what)
        case "disk_wear":
            return (
                words.say("{what} has reached its end", what=what)
                if over
                else words.say("{what} at its end", what=what)
            )
        case "database" if not over:
            return words.say("{what} at its limit", what=what)
        case _:
            return words.say("{what} is full", what=what) if over else words.say("{what} full", what=what)


def resource_kind(resource: str, words: Words) -> str:
    """The kind of thing that runs out."""
    named = {
        "folder": words.say("Folders with a quota"),
        "filesystem": words.say("Disks"),
        "inodes": words.say("Inodes"),
        "memory": words.say("Memory"),
        "swap": words.say("Swap"),
        "huge_pages": words.say("Huge pages"),
        "file_descriptors": words.say("Open files"),
        "process_ids": words.say("Process ids"),
        "conntrack": words.say("Tracked connections"),
        "thin_pool": words.say("Thin pools"),
        "thin_pool_metadata": words.say("Metadata of thin pools"),
        "container_memory": words.say("Memory of containers"),
        "container_tasks": words.say("Processes of containers"),
        "certificate": words.say("Certificates"),
        "battery": words.say("Batteries"),
        "disk_wear": words.say("Wear of disks"),
        "database": words.say("Databases"),
        "device": words.say("Machines unlike before"),
    }
    return named.get(resource) or resource


def device_sentence(device: _Device, now: datetime, words: Words) -> str:
    """How one device is, what runs out when, and whether its owner lets anything remote act on it."""
    said = _how_it_is(device, now, words)
    if not device.lockdown:
        return said
    locked = words.say("It is in lockdown: nothing remote may act on it.")
    return f"{said} {locked}"


def _how_it_is(device: _Device, now: datetime, words: Words) -> str:
    name = device.name
    if device.health == "silent":
        if device.last_seen is None:
            return words.say("{name} has joined and has not reported yet.", name=name)
        return words.say(
            "{name} has been silent for {span}, since {clock}.",
            name=name,
            span=words.span((now - device.last_seen).total_seconds()),
            clock=words.clock(device.last_seen, now),
        )
    forecast = device.forecast
    if forecast is not None and forecast.full_at is not None:
        what = resource_name(forecast.resource, forecast.object, words)
        if forecast.full_at <= now or forecast.value >= forecast.capacity:
            return _over(forecast.resource, name, what, words)
        return _ahead(forecast.resource, forecast.full_at, now, words, name=name, what=what)
    if device.alert is not None:
        return f"{name}: {device.alert.title.rstrip('.')}."
    return words.say("{name} is well. Nothing runs out in sight.", name=name)


def _over(resource: str, name: str, what: str, words: Words) -> str:
    match resource:
        case "certificate":
            return words.say("{name}: {what} has expired.", name=name, what=what)
        case "battery":
            return words.say("{name}: {what} is empty.", name=name, what=what)
        case "disk_wear":
            return words.say("{name}: {what} has reached its end.", name=name, what=what)
        case _:
            return words.say("{name}: {what} is full.", name=name, what=what)


def _ahead(resource: str, at: datetime, now: datetime, words: Words, **said: str) -> str:
    said |= {"relative": words.relative(at, now), "clock": words.clock(at, now)}
    match resource:
        case "certificate":
            return words.say("{name}: {what} expires {relative}, at {clock}.", **said)
        case "battery":
            return words.say("{name}: {what} will be empty {relative}, at {clock}.", **said)
        case "disk_wear":
            return words.say("{name}: {what} will reach its end {relative}, at {clock}.", **said)
        case _:
            return words.say("{name}: {what} will be full {relative}, at {clock}.", **said)


def ticket_sentence(
    ticket: TicketBrief, device_name: str, forecast: ForecastRow | None, now: datetime, words: Words
) -> str:
    """What the ticket is about, and what happens next."""
    if ticket.state != "open":
        return words.say("{title}: solved.", title=ticket.title.rstrip("."))
    return f"{_trouble(ticket, device_name, forecast, now, words)} {_next_step(ticket.stage, words)}".strip()


def _trouble(ticket: TicketBrief, device_name: str, forecast: ForecastRow | None, now: datetime, words: Words) -> str:
    if forecast is None or forecast.full_at is None or forecast.state != "open":
        return ticket.title.rstrip(".") + "."
    what = resource_name(forecast.resource, forecast.object, words)
    if forecast.resource in _NEVER_FULL:
        if forecast.full_at <= now:
            return _over(forecast.resource, device_name, what, words)
        return _ahead(forecast.resource, forecast.full_at, now, words, name=device_name, what=what)
    if forecast.full_at <= now:
        return words.say("{what} on {name} is full.", what=what, name=device_name)
    return words.say(
        "{what} on {name} will be full at {clock}.",
        what=what,
        name=device_name,
        clock=words.clock(forecast.full_at, now),
    )


def _next_step(stage: str, words: Words) -> str:
    match stage:
        case "predicted":
            return words.say("Checks are on their way.")
        case "checked":
            return words.say("The checks have answered; a fix is being prepared.")
        case "proposed" | "waiting":
            return words.say("A fix is ready and waits for a signature.")
        case "running":
            return words.say("The signed fix is running.")
        case "verifying":
            return words.say("The fix was carried out; its effect is being measured.")
        case _:
            return ""
