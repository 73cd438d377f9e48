"""The machine as a check's worker sees it: as collectors do, and the addresses of names.

What it starts stays in the worker's own group, and so ends with the worker whatever happens.
"""

import queue
import socket
import subprocess
import threading
from collections.abc import Sequence

from sereno_agent.child import worker_environment
from sereno_agent.host import Codes, Host, program
from sereno_proto.limits import WORKER_OUTPUT_BYTES_MAX


def ask_within(command: Sequence[str], request: bytes, timeout_s: float, codes: Codes) -> str | None:
    """What a program in the worker's own group writes; None when there is no such program or it takes too long."""
    path = program(command[0])
    if path is None:
        return None
    try:
        done = subprocess.run(
            [path, *command[1:]],
            input=request,
            capture_output=True,
            timeout=timeout_s,
            env=worker_environment(),
            cwd="/",
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    if codes is not None and done.returncode not in codes:
        return None
    return done.stdout[:WORKER_OUTPUT_BYTES_MAX].decode("utf-8", "replace")


class WorkerHost(Host):
    """One machine, as checks see it."""

    __slots__ = ()

    def __init__(self, root: str = "") -> None:
        super().__init__(root, ask_within)

    def resolve(self, host: str, timeout_s: float) -> Sequence[str]:
        """The addresses of a name, by this machine's own resolver. Raises OSError, TimeoutError when it is late."""
        answer: queue.SimpleQueue[list[str] | OSError] = queue.SimpleQueue()

        def look_up() -> None:
            try:
                found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
                answer.put(list(dict.fromkeys(str(address[4][0]) for address in found)))
            except OSError as error:
                answer.put(error)
            except UnicodeError as error:
                answer.put(OSError(str(error)))

        # The system's resolver takes no deadline; a thread that it holds ends with the worker.
        threading.Thread(target=look_up, daemon=True).start()
        try:
            found = answer.get(timeout=timeout_s)
        except queue.Empty:
            raise TimeoutError from None
        if isinstance(found, OSError):
            raise found
        return found
