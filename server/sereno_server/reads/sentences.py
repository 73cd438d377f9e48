"""The headline of a page is its answer: one sentence, with a time in it."""

from datetime import datetime
from typing import Protocol

from sereno_server.reads.rows import AlertRow, ForecastRow, Health, TicketBrief
from sereno_server.reads.running_out import resource_name
from sereno_server.reads.titles import titled
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
        return f"{name}: {titled(device.alert.title.rstrip('.'), words)}."
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
        return words.say("{title}: solved.", title=titled(ticket.title.rstrip("."), words))
    return f"{_trouble(ticket, device_name, forecast, now, words)} {_next_step(ticket.stage, words)}".strip()


def _trouble(ticket: TicketBrief, device_name: str, forecast: ForecastRow | None, now: datetime, words: Words) -> str:
    if forecast is None or forecast.full_at is None or forecast.state != "open":
        return titled(ticket.title.rstrip("."), words) + "."
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
