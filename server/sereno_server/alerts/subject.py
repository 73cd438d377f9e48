"""What a condition is called as long as it lasts: on its ticket, and when it is over."""


def subject(kind: str, resource: str, thing: str, device_name: str) -> str:
    """`Folder app-logs runs full`, `Device web-1 is silent`; no time in it, for the time moves on."""
    match kind:
        case "exhaustion":
            return f"{named(resource, thing)} runs full"
        case "silent":
            return f"Device {device_name} is silent"
        case _:
            return f"{kind.replace('_', ' ').capitalize()} on {device_name}"


def named(resource: str, thing: str) -> str:
    """`Folder app-logs`; a resource that a device has one of needs no name."""
    return f"{resource.capitalize()} {thing}".strip()
