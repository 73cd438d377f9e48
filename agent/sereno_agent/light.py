"""Keeps out of the core what libraries import and nothing there uses. See docs/agent-weight.md for what each is worth.

- Python's TLS library: gRPC brings its own. asyncio loads `ssl`, hashlib OpenSSL's digests, if they are there; both do
  without.
- protobuf's implementation in Python, and its text format: the one in C does the work.
- typing_extensions: gRPC takes two names of it, for annotations.
- argparse, for the one command that the service runs (see cli.py).

The last three are put off, not forbidden: whatever asks for more of one gets the real module.
"""

import importlib
import importlib.util
import os
import sys
import typing
from types import ModuleType
from typing import Any, Final

_DIGESTS: Final = ("_md5", "_sha1", "_sha512", "_sha3", "_blake2")


def lighten() -> None:
    """Call before anything imports asyncio, hashlib, grpc or protobuf."""
    _without_openssl()
    if os.environ.get("PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION", "upb") == "upb" and _found("google._upb._message"):
        _put_off("google.protobuf.internal.python_message")
    if hasattr(typing, "Self"):
        _put_off("typing_extensions", Self=typing.Self, override=lambda function: function)


def _without_openssl() -> None:
    """A Python without digests of its own keeps OpenSSL's."""
    _leave_out("ssl")
    own = all(_found(name) for name in _DIGESTS)
    if own and (_found("_sha256") or _found("_sha2")):
        _leave_out("_hashlib")


def _found(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ImportError:  # not even the package around it
        return False


def _leave_out(name: str) -> None:
    if name not in sys.modules:
        sys.modules[name] = None  # type: ignore[assignment] # how Python is told that there is no such module


def _put_off(name: str, **names: Any) -> None:
    """Puts a module into place that holds these names only, and becomes the real one when it is asked for another."""
    if name in sys.modules:
        return
    stand_in = ModuleType(name)

    def load(attribute: str) -> Any:
        if attribute.startswith("__"):
            raise AttributeError(attribute)  # the import system looks for marks of its own
        if sys.modules.get(name) is stand_in:
            del sys.modules[name]
        return getattr(importlib.import_module(name), attribute)

    vars(stand_in).update(names, __getattr__=load)
    sys.modules[name] = stand_in
