"""Which series pair with which limit: the bounded resources that exhaustion watches. A new kind is a new line."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Kind:
    """A kind of resource: the series of its use, the series of its limit, and the label that names one of them."""

    resource: str
    used: str
    capacity: str
    label: str


KINDS: tuple[Kind, ...] = (
    Kind("folder", "folder_used_bytes", "folder_quota_bytes", "folder"),
    Kind("filesystem", "filesystem_used_bytes", "filesystem_size_bytes", "mount"),
    Kind("inodes", "filesystem_inodes_used", "filesystem_inodes", "mount"),
    Kind("memory", "memory_used_bytes", "memory_total_bytes", ""),
    Kind("swap", "swap_used_bytes", "swap_total_bytes", ""),
    Kind("huge_pages", "huge_pages_used_bytes", "huge_pages_total_bytes", ""),
    Kind("file_descriptors", "file_descriptors_used", "file_descriptors_limit", ""),
    Kind("process_ids", "process_ids_used", "process_ids_limit", ""),
    Kind("conntrack", "conntrack_used", "conntrack_limit", ""),
    Kind("thin_pool", "thin_pool_used_bytes", "thin_pool_size_bytes", "pool"),
    Kind("thin_pool_metadata", "thin_pool_metadata_used_bytes", "thin_pool_metadata_size_bytes", "pool"),
    Kind("container_memory", "container_memory_used_bytes", "container_memory_limit_bytes", "container"),
    Kind("container_tasks", "container_tasks", "container_tasks_limit", "container"),
    Kind("certificate", "certificate_grace_used_seconds", "certificate_grace_seconds", "certificate"),
    Kind("battery", "battery_used_ratio", "battery_whole_ratio", "battery"),
    Kind("disk_wear", "disk_wear_used_ratio", "disk_wear_whole_ratio", "disk"),
    Kind("database", "database_used", "database_maximum", "bound"),
)
SERIES_NAMES: frozenset[str] = frozenset(name for kind in KINDS for name in (kind.used, kind.capacity))


class Named(Protocol):
    """A series: its id within the server, its name and labels."""

    @property
    def id(self) -> int: ...

    @property
    def name(self) -> str: ...

    @property
    def labels(self) -> Mapping[str, str]: ...


@dataclass(frozen=True)
class Bounded:
    """One bounded resource of a device: `object` says which one (a mount, a folder), empty where there is only one."""

    resource: str
    object: str
    series_id: int
    capacity_series_id: int


def bounded(series: Iterable[Named]) -> list[Bounded]:
    """The bounded resources among a device's series: each use whose limit has the same labels."""
    known = {(item.name, tuple(sorted(item.labels.items()))): item for item in series}
    found = []
    for kind in KINDS:
        for (name, labels), used in known.items():
            limit = known.get((kind.capacity, labels))
            if name == kind.used and limit is not None:
                found.append(Bounded(kind.resource, used.labels.get(kind.label, ""), used.id, limit.id))
    return found
