"""Inventory of a Mac: hardware and system (`sw_vers`, `system_profiler`), and its disks."""

import json
from collections.abc import Iterator
from typing import Any, Final

from sereno_agent.comparison import Comparison, State
from sereno_agent.host import Host
from sereno_agent.reading import Collect, Surroundings

INTERVAL_MS: Final = 600_000
DEADLINE_S: Final = 120.0
APART: Final = True
_GIB: Final = 1 << 30
_HARDWARE: Final = {
    "hardware.model": "machine_name", "hardware.board": "machine_model", "hardware.serial": "serial_number",
    "hardware.firmware": "boot_rom_version", "hardware.memory": "physical_memory",
}  # fmt: skip


def make(surroundings: Surroundings) -> Collect:
    return Comparison("inventory", lambda: read(surroundings.host), surroundings).collect


def read(host: Host) -> State:
    """Facts; each is also an object to compare."""
    facts = {key: value for key, value in (*_system(host), *_hardware(host)) if value}
    return State({key.replace(".", " ", 1): value for key, value in facts.items()}, facts)


def _system(host: Host) -> Iterator[tuple[str, str]]:
    lines = (host.ask("sw_vers") or "").splitlines()
    said = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    version = said.get("ProductVersion", "")
    yield "system.os", f"{said.get('ProductName', '')} {version}".strip()
    yield "system.os_id", "macos" if version else ""
    yield "system.os_version", version
    yield "system.kernel", said.get("BuildVersion", "")
    yield "system.machine", host.machine


def _hardware(host: Host) -> Iterator[tuple[str, str]]:
    told = profile(host.ask("system_profiler", "-json", "SPHardwareDataType", "SPStorageDataType", timeout_s=60.0))
    for one in told.get("SPHardwareDataType", [])[:1]:
        yield "hardware.vendor", "Apple"
        for key, field in _HARDWARE.items():
            yield key, str(one.get(field, ""))
        chip = one.get("chip_type") or one.get("cpu_type") or ""
        cores = str(one.get("number_processors", "")).removeprefix("proc ").partition(":")[0]
        yield "hardware.processor", f"{cores} x {chip}" if cores and chip else chip
    seen = set()
    for volume in told.get("SPStorageDataType", []):
        drive = volume.get("physical_drive", {})
        name = str(volume.get("bsd_name", "")).removeprefix("/dev/")
        if name and drive.get("device_name") and (drive["device_name"], volume.get("size_in_bytes")) not in seen:
            seen.add((drive["device_name"], volume.get("size_in_bytes")))
            size = f"{int(volume.get('size_in_bytes') or 0) / _GIB:.1f} GiB"
            yield f"hardware.disk.{name}", f"{size} {drive['device_name']}"


def profile(text: str | None) -> dict[str, Any]:
    """What `system_profiler -json` said; empty when it is no JSON."""
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
