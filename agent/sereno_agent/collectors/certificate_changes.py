"""The policy's certificate files: another certificate in place of the old is a change, with its digest and time.

When a certificate ends is what the collector `certificates` measures.
"""

import hashlib
import os
import stat
import time
from pathlib import Path
from typing import Final

from sereno_agent.comparison import Comparison, State
from sereno_agent.policy import Policy
from sereno_agent.reading import Collect, Surroundings

INTERVAL_MS: Final = 60_000
_BYTES_MAX: Final = 1 << 20


def make(surroundings: Surroundings) -> Collect:
    return Comparison("certificate_changes", lambda: read(surroundings.policy()), surroundings).collect


def read(policy: Policy) -> State:
    """Digest and time of each file; one that is gone or cannot be read says so."""
    paths = {name: certificate.path for name, certificate in policy.certificates.items() if certificate.path}
    return State({f"certificate {name}": look(path) for name, path in paths.items()})


def look(path: Path) -> str:
    """What lies at the path now, in one line. Links are followed: certbot replaces the link."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    except FileNotFoundError:
        return "missing"
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    with open(fd, "rb") as file:  # noqa: PTH123, it is open already
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode) or found.st_size > _BYTES_MAX:
            return "no certificate file"
        digest = hashlib.sha256(file.read(_BYTES_MAX)).hexdigest()
    return f"sha256:{digest[:16]}, written {time.strftime('%Y-%m-%d %H:%M', time.gmtime(found.st_mtime))} UTC"
