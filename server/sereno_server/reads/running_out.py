"""What can run out, and what becomes of it then, as people call it."""

from sereno_server.reads.words import Words


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
