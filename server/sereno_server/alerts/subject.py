"""What a condition is called as long as it lasts: on its ticket, and when it is over."""

from typing import NamedTuple

from sereno_server.rules.catalogue import RULES


class Ending(NamedTuple):
    """How running out is called: while it comes, once it has come, and with the time left behind it."""

    course: str
    over: str
    ahead: str


FULL = Ending("runs full", "is full", "will be full")
ENDINGS = {
    "certificate": Ending("expires", "has expired", "expires"),
    "battery": Ending("runs empty", "is empty", "will be empty"),
    "disk_wear": Ending("wears out", "is worn out", "will be worn out"),
}


def subject(kind: str, resource: str, thing: str, device_name: str) -> str:
    """`Folder app-logs runs full`, `Device web-1 is silent`; no time in it, for the time moves on."""
    match kind:
        case "exhaustion":
            return f"{named(resource, thing)} {ENDINGS.get(resource, FULL).course}"
        case "silent":
            return f"Device {device_name} is silent"
        case "anomaly":
            return f"Device {device_name} behaves unlike before"
        case _ if kind in RULES:
            return RULES[kind].says.said("en", object=thing)
        case _:
            return f"{kind.replace('_', ' ').capitalize()} on {device_name}"


def named(resource: str, thing: str) -> str:
    """`Folder app-logs`; a resource that a device has one of needs no name."""
    return f"{resource.capitalize().replace('_', ' ')} {thing}".strip()
