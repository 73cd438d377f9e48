"""Inventory of a Windows: hardware, edition and build, disks, interfaces, and its licences."""

from collections.abc import Iterator
from typing import Final

from sereno_agent import powershell
from sereno_agent.comparison import Comparison, State
from sereno_agent.host import Host
from sereno_agent.reading import Collect, Surroundings

INTERVAL_MS: Final = 600_000
DEADLINE_S: Final = 120.0
APART: Final = True
_NT: Final = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion"
_BIOS: Final = r"HKLM\HARDWARE\DESCRIPTION\System\BIOS"
_PROCESSORS: Final = r"HKLM\HARDWARE\DESCRIPTION\System\CentralProcessor"
_ZONE: Final = r"HKLM\SYSTEM\CurrentControlSet\Control\TimeZoneInformation"
_NAME: Final = r"HKLM\SYSTEM\CurrentControlSet\Control\ComputerName\ComputerName"
_ELEVEN: Final = 22000  # the first build of Windows 11, whose registry still says 10
_GIB: Final = 1 << 30
_DISKS: Final = "Get-CimInstance Win32_DiskDrive | Select-Object DeviceID,Model,Size,SerialNumber"
_MEMORY: Final = "Get-CimInstance Win32_ComputerSystem | Select-Object TotalPhysicalMemory,Domain,PartOfDomain"
_LICENCES: Final = (
    "Get-CimInstance SoftwareLicensingProduct -Filter 'PartialProductKey IS NOT NULL' | "
    "Select-Object Name,LicenseStatus,PartialProductKey"
)
_STATES: Final = ("unlicensed", "licensed", "grace", "grace", "not genuine", "notification", "extended grace")


def make(surroundings: Surroundings) -> Collect:
    return Comparison("inventory", lambda: read(surroundings.host), surroundings).collect


def read(host: Host) -> State:
    """Facts; each is also an object to compare."""
    facts = {key: value for key, value in (*_system(host), *_hardware(host), *_licences(host)) if value}
    return State({key.replace(".", " ", 1): value for key, value in facts.items()}, facts)


def _system(host: Host) -> Iterator[tuple[str, str]]:
    nt = host.registry.values(_NT) or {}
    build, name = nt.get("CurrentBuildNumber", ""), nt.get("ProductName", "")
    if build.isdigit() and int(build) >= _ELEVEN:
        name = name.replace("Windows 10", "Windows 11")
    yield "system.os", f"{name} {nt.get('DisplayVersion', '')}".strip()
    yield "system.os_id", "windows" if nt else ""
    yield "system.os_version", f"10.0.{build}.{nt.get('UBR', '0')}" if build else ""
    yield "system.kernel", f"10.0.{build}.{nt.get('UBR', '0')}" if build else ""
    yield "system.machine", host.machine
    yield "system.name", (host.registry.values(_NAME) or {}).get("ComputerName", "")
    yield "system.timezone", (host.registry.values(_ZONE) or {}).get("TimeZoneKeyName", "")


def _hardware(host: Host) -> Iterator[tuple[str, str]]:
    bios = host.registry.values(_BIOS) or {}
    yield "hardware.vendor", bios.get("SystemManufacturer", "")
    yield "hardware.model", bios.get("SystemProductName", "")
    yield "hardware.firmware", bios.get("BIOSVersion", "")
    cores = host.registry.keys(_PROCESSORS)
    model = (host.registry.values(f"{_PROCESSORS}\\0") or {}).get("ProcessorNameString", "").strip()
    yield "hardware.processor", f"{len(cores)} x {model}" if model else ""
    for row in powershell.rows(host, "computer", _MEMORY) or ():
        yield "hardware.memory", f"{int(row.get('TotalPhysicalMemory') or 0) / _GIB:.1f} GiB"
        yield "system.domain", str(row.get("Domain") or "") if row.get("PartOfDomain") else ""
    for row in powershell.rows(host, "disks", _DISKS) or ():
        disk = str(row.get("DeviceID", "")).rpartition("\\")[2].lower()
        yield f"hardware.disk.{disk}", f"{int(row.get('Size') or 0) / _GIB:.1f} GiB {row.get('Model', '')}".strip()


def _licences(host: Host) -> Iterator[tuple[str, str]]:
    for row in powershell.rows(host, "licences", _LICENCES) or ():
        state = row.get("LicenseStatus")
        said = _STATES[state] if isinstance(state, int) and 0 <= state < len(_STATES) else "unknown"
        yield f"licence.{row.get('Name', '')}", f"{said}, key ends {row.get('PartialProductKey', '')}"
