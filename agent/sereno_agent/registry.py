r"""Windows' registry, read only: keys are written HKLM\SOFTWARE\..., values come as text.

What is not there or may not be read is None or empty, never an error, as with files.
"""

import importlib
from collections.abc import Mapping
from typing import Any, Final, Protocol

_ROOTS: Final = {"HKLM": "HKEY_LOCAL_MACHINE", "HKU": "HKEY_USERS", "HKCR": "HKEY_CLASSES_ROOT"}
KEYS_MAX: Final = 4000
TEXT_CHARS_MAX: Final = 4000


class Registry(Protocol):
    """The seam: the machine's own, or a recorded one."""

    def values(self, key: str) -> Mapping[str, str] | None:
        """Name -> value of one key; the unnamed value is called (default). None when there is no such key."""
        ...

    def keys(self, key: str) -> list[str]:
        """The names of the keys below; none when there is no such key."""
        ...


class WindowsRegistry:
    """This machine's, by winreg, in its 64-bit view."""

    def values(self, key: str) -> Mapping[str, str] | None:
        winreg, opened = _open(key)
        if opened is None:
            return None
        found: dict[str, str] = {}
        with opened:
            for number in range(KEYS_MAX):
                try:
                    name, value, _ = winreg.EnumValue(opened, number)
                except OSError:
                    break
                found[name or "(default)"] = written(value)
        return found

    def keys(self, key: str) -> list[str]:
        winreg, opened = _open(key)
        found: list[str] = []
        if opened is None:
            return found
        with opened:
            for number in range(KEYS_MAX):
                try:
                    found.append(winreg.EnumKey(opened, number))
                except OSError:
                    break
        return sorted(found)


class NoRegistry:
    """Of every other system."""

    def values(self, key: str) -> None:  # noqa: ARG002, the seam's
        return None

    def keys(self, key: str) -> list[str]:  # noqa: ARG002, the seam's
        return []


def _open(key: str) -> tuple[Any, Any]:
    winreg: Any = importlib.import_module("winreg")  # on Windows only
    root, _, path = key.partition("\\")
    try:
        access = winreg.KEY_READ | winreg.KEY_WOW64_64KEY
        return winreg, winreg.OpenKey(getattr(winreg, _ROOTS.get(root, root)), path, 0, access)
    except (OSError, AttributeError):
        return winreg, None


def written(value: object) -> str:
    """A value as text: numbers in decimal, several texts one a line, bytes in hexadecimal."""
    if isinstance(value, bytes):
        text = value.hex()
    elif isinstance(value, list):
        text = "\n".join(str(part) for part in value)
    else:
        text = "" if value is None else str(value)
    return text[:TEXT_CHARS_MAX]
