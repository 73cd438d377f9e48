"""Inventory of hardware and operating system: facts, and a change where a disk, a processor or the system differs."""

import os
from collections.abc import Iterator
from typing import Final

from sereno_agent.comparison import Comparison, State
from sereno_agent.host import Host
from sereno_agent.reading import Collect, Surroundings
from sereno_diagnostics import procfs

INTERVAL_MS: Final = 300_000
_DMI: Final = {
    "hardware.vendor": "sys_vendor", "hardware.model": "product_name", "hardware.serial": "product_serial",
    "hardware.board": "board_name", "hardware.firmware": "bios_version",
}  # fmt: skip
_NO_DISK: Final = ("loop", "ram", "zram", "dm-", "md", "sr", "fd", "nbd")
_SECTOR_BYTES: Final = 512
_GIB: Final = 1 << 30
_MODEL: Final = {"model name", "Model", "cpu model"}


def make(surroundings: Surroundings) -> Collect:
    return Comparison("inventory", lambda: read(surroundings.host), surroundings).collect


def read(host: Host) -> State:
    """Facts; each is also an object to compare."""
    facts = {key: value for key, value in (*_system(host), *_hardware(host)) if value}
    changing = {key.replace(".", " ", 1): value for key, value in facts.items()}
    return State(changing, facts)


def _system(host: Host) -> Iterator[tuple[str, str]]:
    release = dict(line.partition("=")[::2] for line in (host.read("/etc/os-release") or "").splitlines())
    name = release.get("PRETTY_NAME", "").strip("\"'")
    version = host.line("/etc/debian_version")
    yield "system.os", name
    yield "system.os_id", release.get("ID", "").strip("\"'")
    yield "system.os_version", version if version[:1].isdigit() else release.get("VERSION_ID", "").strip("\"'")
    yield "system.machine", host.machine
    yield "system.timezone", _timezone(host)
    yield "system.init", host.line("/proc/1/comm")
    yield "system.reboot_required", "yes" if host.exists("/run/reboot-required") else ""


def _hardware(host: Host) -> Iterator[tuple[str, str]]:
    for key, file in _DMI.items():
        value = host.line(f"/sys/class/dmi/id/{file}")
        yield key, "" if value in {"None", "Not Specified", "To Be Filled By O.E.M."} else value
    processors = [line.partition(":")[::2] for line in (host.read("/proc/cpuinfo") or "").splitlines()]
    model = next((value.strip() for key, value in processors if key.strip() in _MODEL), "")
    count = sum(key.strip() == "processor" for key, _ in processors)
    yield "hardware.processor", f"{count} x {model}" if model else f"{count}" if count else ""
    memory = procfs.table(host.read("/proc/meminfo") or "").get("MemTotal", 0)
    yield "hardware.memory", f"{memory / _GIB:.1f} GiB" if memory else ""
    for disk in host.names("/sys/block"):
        sectors = host.integer(f"/sys/block/{disk}/size")
        if sectors and not disk.startswith(_NO_DISK):
            model = host.line(f"/sys/block/{disk}/device/model")
            yield f"hardware.disk.{disk}", f"{sectors * _SECTOR_BYTES / _GIB:.1f} GiB {model}".strip()
    for interface in host.names("/sys/class/net"):
        if host.exists(f"/sys/class/net/{interface}/device"):
            yield f"hardware.network.{interface}", host.line(f"/sys/class/net/{interface}/address")


def _timezone(host: Host) -> str:
    named = host.line("/etc/timezone")
    try:
        return named or os.readlink(f"{host.root}/etc/localtime").partition("zoneinfo/")[2]  # noqa: PTH115
    except OSError:
        return named
