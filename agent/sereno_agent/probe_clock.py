"""Asks the kernel how its clock is disciplined, in a process of its own: the core does without ctypes.

Prints {"state": 0..5, "offset_s": …, "error_max_s": …} as adjtimex(2) gives them; state 5 is not synchronised.
"""

import ctypes
import json

_STA_NANO = 0x2000
_UNSYNCHRONISED = 5


class Timex(ctypes.Structure):
    """struct timex of Linux, its first fields; the rest is room."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("room", ctypes.c_byte * 512),
    )


def main() -> None:
    """Says it as JSON, or nothing."""
    if found := read():
        print(json.dumps(found))  # noqa: T201


def read() -> dict[str, float]:
    """Reads and changes nothing: modes = 0. Empty when the kernel does not say."""
    found = Timex()
    try:
        state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(found))
    except (OSError, AttributeError):
        return {}
    if state < 0:
        return {}
    unit = 1e9 if found.status & _STA_NANO else 1e6
    return {"state": state, "offset_s": found.offset / unit, "error_max_s": found.maxerror / 1e6}


if __name__ == "__main__":
    main()
