"""The demo's processes: each started in a session of its own, logged to a file, noted, and stopped in order."""

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import IO

import psutil

from sereno_proto.errors import BadInput, SerenoError
from sereno_server.demo.place import Place

STOP_S = 20.0
MODULES_OF_A_DEMO = ("sereno_server", "sereno_agent", "http.server")


class Lock:
    """The right to run in a folder; the kernel gives it back when this process ends, however it ends."""

    def __init__(self, place: Place) -> None:
        self._file: IO[str] = place.lock.open("a")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.close()
            raise BadInput("E_DEMO_RUNNING", f"a demo runs in {place.folder} already") from error

    def release(self) -> None:
        """Lets the next demo start."""
        self._file.close()


class Processes:
    """What this demo has started."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def end_leftovers(self) -> None:
        """Ends what a demo that was killed left behind here: the very processes it noted, no others."""
        for pid, created in self._place.read_state().get("processes", {}).values():
            with contextlib.suppress(psutil.Error):
                process = psutil.Process(pid)
                ours = any(module in part for part in process.cmdline() for module in MODULES_OF_A_DEMO)
                if ours and abs(process.create_time() - created) < 1:
                    process.terminate()
                    process.wait(STOP_S)

    def start(
        self, name: str, module: str, arguments: Sequence[str], environment: dict[str, str], *, piped: bool = False
    ) -> "subprocess.Popen[bytes]":
        """Starts `python -m module arguments`; its output goes to logs/NAME.log, or with `piped` to the caller."""
        with (self._place.logs / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                stdin=subprocess.PIPE if piped else subprocess.DEVNULL,
                stdout=subprocess.PIPE if piped else log,
                stderr=log,
                env=environment,
                start_new_session=True,  # Ctrl-C reaches the demo alone, which then stops them in order
            )
        self._note()
        return self._running[name]

    def run(self, module: str, arguments: Sequence[str], environment: dict[str, str], timeout_s: float = 60) -> str:
        """Runs `python -m module arguments` to its end and gives its output; its own error line becomes our error."""
        done = subprocess.run(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env=environment,
            timeout=timeout_s,
            check=False,
        )
        if done.returncode:
            raise told(done.stderr, f"{module} {arguments[0] if arguments else ''} ended with {done.returncode}")
        return done.stdout

    def require(self, name: str) -> None:
        """Raises with the process's last words when it has ended."""
        code = self._running[name].poll()
        if code is not None:
            path = self._place.logs / f"{name}.log"
            if code < 0:
                raise SerenoError("E_INTERNAL", f"the {name} was ended by {signal.Signals(-code).name}", f"see {path}")
            raise told(path.read_text(errors="replace"), f"the {name} ended with {code}")

    def kill(self, name: str) -> None:
        """Kills a process without a word, as a power cut would."""
        self._running[name].kill()
        self._running.pop(name).wait(STOP_S)

    def stop(self, name: str) -> None:
        """Asks a process to end, and insists after a while."""
        process = self._running.pop(name, None)
        if process is None or process.poll() is not None:
            return
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(STOP_S)

    def stop_all(self) -> None:
        """Stops everything, what was started last first."""
        for name in list(reversed(self._running)):
            self.stop(name)
        self._place.write_state(processes={})

    def pid(self, name: str) -> int:
        """The process id."""
        return self._running[name].pid

    def _note(self) -> None:
        noted = {}
        for name, process in self._running.items():
            with contextlib.suppress(psutil.Error):
                noted[name] = (process.pid, psutil.Process(process.pid).create_time())
        self._place.write_state(processes=noted)


def environment_for_children(extra: dict[str, str] | None = None) -> dict[str, str]:
    """Ours without SERENO_* of another installation, so that the demo is the same wherever it starts."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("SERENO_") or key == "SERENO_PG_BIN"}
    return {**kept, "PYTHONUNBUFFERED": "1", **(extra or {})}


class Waiting:
    """`for _ in Waiting("the plan", 30): …` pauses between rounds and raises E_TIMEOUT after so many seconds."""

    def __init__(self, what: str, seconds: float, *, poll_s: float = 0.25) -> None:
        self._what, self._deadline, self._poll_s = what, time.monotonic() + seconds, poll_s
        self._first = True

    def __iter__(self) -> "Waiting":
        return self

    def __next__(self) -> None:
        if not self._first:
            time.sleep(self._poll_s)
        self._first = False
        if time.monotonic() > self._deadline:
            raise SerenoError("E_TIMEOUT", f"{self._what} did not come in time")


def told(output: str, otherwise: str) -> SerenoError:
    """The error that a process printed as its last line `E_CODE: what. Remedy.`, else a fault that quotes it."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    last = lines[-1].removeprefix("sereno-agent: ") if lines else ""
    code, colon, rest = last.partition(": ")
    try:
        what, _, remedy = rest.partition(". ")
        return SerenoError(code if colon else "", what, remedy.rstrip("."))
    except KeyError:
        return SerenoError("E_INTERNAL", f"{otherwise}: {last[:300]}")
