"""Keeps a second TLS library out of the core: gRPC brings its own, and Python's is 5 MB that nothing there uses.

asyncio loads `ssl` if it is there, hashlib loads OpenSSL's digests if they are there; both do without. See
docs/agent-weight.md.
"""

import importlib.util
import sys
from typing import Final

_DIGESTS: Final = ("_md5", "_sha1", "_sha512", "_sha3", "_blake2")


def without_openssl() -> None:
    """Call before anything imports asyncio or hashlib. A Python without digests of its own keeps OpenSSL's."""
    _leave_out("ssl")
    own = all(importlib.util.find_spec(name) for name in _DIGESTS)
    if own and (importlib.util.find_spec("_sha256") or importlib.util.find_spec("_sha2")):
        _leave_out("_hashlib")


def _leave_out(name: str) -> None:
    if name not in sys.modules:
        sys.modules[name] = None  # type: ignore[assignment] # how Python is told that there is no such module
