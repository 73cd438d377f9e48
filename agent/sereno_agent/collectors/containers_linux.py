"""Containers of Docker, Podman, Kubernetes and LXC by name: memory, processor time, processes, from their cgroups.

Both versions of cgroups are read. The name is the runtime's where this user may read it, else the id's first digits.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from sereno_agent.host import Host
from sereno_agent.reading import Collect, Reading, Surroundings
from sereno_diagnostics import procfs

INTERVAL_MS: Final = 60_000
DEADLINE_S: Final = 20.0
CONTAINERS_MAX: Final = 200
_CGROUPS: Final = "/sys/fs/cgroup"
_DEPTH_MAX: Final = 5
_ENTERED: Final = re.compile(r".*\.slice|docker|lxc|libpod_parent|kubepods.*|pod[0-9a-f-]{36}|user@\d+\.service")
_CONTAINER: Final = re.compile(r"(?:docker-|libpod-|cri-containerd-|crio-)?([0-9a-f]{64})(?:\.scope)?")
_LXC: Final = re.compile(r"lxc\.payload\.(.+)")
_NO_LIMIT: Final = 1 << 60
_ID_SHOWN: Final = 12


def make(surroundings: Surroundings) -> Collect:
    """Remembers the containers' names: an id never changes its own."""
    host = surroundings.host
    names: dict[str, str] = {}

    def collect(reading: Reading) -> None:
        second = host.exists(f"{_CGROUPS}/cgroup.controllers")
        found = dict(_find(host, _CGROUPS if second else f"{_CGROUPS}/memory", 0))
        for gone in names.keys() - found.keys():
            del names[gone]
        taken: set[str] = set()
        for identity, path in list(found.items())[:CONTAINERS_MAX]:
            if identity not in names:
                names[identity] = _name(host, identity)
            name = names[identity] if names[identity] not in taken else identity[:_ID_SHOWN]
            taken.add(name)
            (_second if second else _first)(reading, host, path, ("container", name))

    return collect


def _find(host: Host, folder: str, depth: int) -> Iterator[tuple[str, str]]:
    for name in host.names(folder):
        path = f"{folder}/{name}"
        if match := _CONTAINER.fullmatch(name) or _LXC.fullmatch(name):
            yield match[1], path
        elif folder.endswith("/lxc") and host.exists(f"{path}/cgroup.procs"):
            yield name, path
        elif depth < _DEPTH_MAX and _ENTERED.fullmatch(name):
            yield from _find(host, path, depth + 1)


def _name(host: Host, identity: str) -> str:
    try:
        docker: Any = json.loads(host.read(f"/var/lib/docker/containers/{identity}/config.v2.json") or "{}")
        podman: Any = json.loads(host.read("/var/lib/containers/storage/overlay-containers/containers.json") or "[]")
    except ValueError:
        docker, podman = {}, []
    if docker.get("Name"):
        return str(docker["Name"]).lstrip("/")
    of_podman = (entry["names"][0] for entry in podman if entry.get("id") == identity and entry.get("names"))
    return str(next(of_podman, identity if len(identity) < len("0" * 64) else identity[:_ID_SHOWN]))


def _second(reading: Reading, host: Host, path: str, label: tuple[str, str]) -> None:
    cpu = procfs.table(host.read(f"{path}/cpu.stat") or "")
    if "usage_usec" in cpu:
        reading.counter("container_cpu_seconds", cpu["usage_usec"] / 1e6, label)
    if "throttled_usec" in cpu:
        reading.counter("container_throttled_seconds", cpu["throttled_usec"] / 1e6, label)
    inactive = procfs.table(host.read(f"{path}/memory.stat") or "").get("inactive_file", 0)
    _levels(reading, label, host.integer(f"{path}/memory.current"), inactive, host.integer(f"{path}/memory.max"))
    events = procfs.table(host.read(f"{path}/memory.events") or "")
    if "oom_kill" in events:
        reading.counter("container_oom_kills", events["oom_kill"], label)
    _tasks(reading, host, path, label)


def _first(reading: Reading, host: Host, path: str, label: tuple[str, str]) -> None:
    below = path.removeprefix(f"{_CGROUPS}/memory")
    nanoseconds = host.integer(f"{_CGROUPS}/cpuacct{below}/cpuacct.usage")
    if nanoseconds is not None:
        reading.counter("container_cpu_seconds", nanoseconds / 1e9, label)
    inactive = procfs.table(host.read(f"{path}/memory.stat") or "").get("total_inactive_file", 0)
    used, limit = host.integer(f"{path}/memory.usage_in_bytes"), host.integer(f"{path}/memory.limit_in_bytes")
    _levels(reading, label, used, inactive, limit)
    _tasks(reading, host, f"{_CGROUPS}/pids{below}", label)


def _levels(reading: Reading, label: tuple[str, str], used: int | None, inactive: int, limit: int | None) -> None:
    """Used is what the kernel could not take back at once: without the inactive file cache."""
    if used is not None:
        reading.gauge("container_memory_used_bytes", max(0, used - inactive), label)
    if limit is not None and limit < _NO_LIMIT:
        reading.gauge("container_memory_limit_bytes", limit, label)


def _tasks(reading: Reading, host: Host, path: str, label: tuple[str, str]) -> None:
    tasks, limit = host.integer(f"{path}/pids.current"), host.integer(f"{path}/pids.max")
    if tasks is not None:
        reading.gauge("container_tasks", tasks, label)
    if limit is not None:
        reading.gauge("container_tasks_limit", limit, label)
