"""`python -m sereno_agent.executor --state DIR`: commands on standard input, replies and run events on standard output.

Both are pipes from the core, or one socket where the core is another user; then the kernel says who that is.

It ends when its input is closed and nothing runs. If the core dies, a run goes on to its end; what it reported is in
the journal, and sent by the next executor.
"""

import argparse
import fcntl
import os
import select
import signal
import socket
import stat
import sys
import threading
import time
from pathlib import Path
from typing import Final

from sereno_agent import config
from sereno_agent.delimited import Decoder, encode
from sereno_agent.executor.device import Device, identify
from sereno_agent.executor.executor import Executor
from sereno_agent.folders import Folders
from sereno_agent.peer import require_peer
from sereno_proto.errors import BadInput, Refused, SerenoError
from sereno_proto.sshsig import FileSigner
from sereno_proto.v1.link_pb2 import Up
from sereno_proto.v1.runs_pb2 import Command, Refusal, Reply

_CHUNK: Final = 1 << 16
_LOCK_RETRY_S: Final = 0.5


class Channel:
    """Standard input and output. An output that nobody reads any more is no reason to stop a run."""

    def __init__(self) -> None:
        self._input = 0
        self._output = os.dup(1)
        os.dup2(2, 1)  # whatever prints goes to the log, and never between two messages
        self._lock = threading.Lock()
        self._decoder = Decoder()
        self._broken = False

    def send(self, message: Up) -> None:
        """Writes one message, or nothing when the core is gone."""
        content = memoryview(encode(message))
        with self._lock:
            try:
                while content and not self._broken:
                    content = content[os.write(self._output, content) :]
            except OSError:
                self._broken = True

    def receive(self, timeout_s: float | None = None) -> list[Command] | None:
        """The next commands; none when the time is over; None when the core closed its end."""
        if not select.select([self._input], [], [], timeout_s)[0]:
            return []
        chunk = os.read(self._input, _CHUNK)
        return self._decoder.feed(chunk, Command.FromString) if chunk else None


def main(arguments: list[str]) -> int:
    """Serves until the input closes. Exit code 2 and one line when this folder cannot be used."""
    parser = argparse.ArgumentParser(prog="sereno_agent.executor")
    parser.add_argument("--state", type=Path, required=True)
    folders = Folders(parser.parse_args(arguments).state)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal is the core's to handle
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    os.umask(0o027 if folders.split else 0o077)
    try:
        _require_core(folders)
    except Refused as error:
        sys.stderr.write(error.line() + "\n")
        return 2  # without an answer: whoever it is, it is nobody to talk to
    channel = Channel()
    try:
        device = _device(folders)
        lock = _take_lock(folders, channel)
        if lock is None:
            return 0
        executor = Executor(device, lambda: time.time_ns() // 1_000_000, channel.send)
        executor.start()
        while (commands := channel.receive()) is not None:
            for command in commands:
                executor.handle(command)
        executor.wait()
    except SerenoError as error:
        sys.stderr.write(error.line() + "\n")
        _refuse_all(channel, error)
        return 2
    return 0


def _require_core(folders: Folders) -> None:
    """Raises E_PEER when standard input is a socket with anybody but the core's user or root at the other end."""
    if not stat.S_ISSOCK(os.fstat(0).st_mode):
        if folders.split and os.geteuid() != folders.runs.stat().st_uid:
            raise Refused("E_PEER", "installed with two users, the executor runs as its own")
        return
    with socket.socket(fileno=os.dup(0)) as peer:
        require_peer(peer, {0, folders.core.stat().st_uid})


def _device(folders: Folders) -> Device:
    joined = config.read_joined(folders.joined)
    settings = config.load(folders.config)
    signer = FileSigner(folders.identity_key)
    return Device(
        id=identify(signer, joined.device_id),
        name=joined.name,
        organisation_id=joined.organisation_id,
        signer=signer,
        folders=folders,
        policy_path=settings.policy or folders.policy,
        plan_valid_s=settings.plan_valid_s,
    )


def _take_lock(folders: Folders, channel: Channel) -> int | None:
    """Waits for an earlier executor that finishes its run; refuses commands meanwhile. None when the input closed."""
    lock = os.open(folders.runs / "executor.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            commands = channel.receive(_LOCK_RETRY_S)
        else:
            return lock
        if commands is None:
            return None
        for command in commands:
            _refuse(channel, command, BadInput("E_OVERLOADED", "an earlier run is still being finished"))


def _refuse_all(channel: Channel, error: SerenoError) -> None:
    """Answers every command with what is wrong with this folder, until the input closes."""
    try:
        while (commands := channel.receive()) is not None:
            for command in commands:
                _refuse(channel, command, error)
    except (SerenoError, ValueError):
        return  # the stream itself cannot be read


def _refuse(channel: Channel, command: Command, error: SerenoError) -> None:
    if command.WhichOneof("body") != "events_kept":
        refusal = Refusal(code=error.code, what=error.what, remedy=error.remedy)
        channel.send(Up(reply=Reply(command_id=command.id, refusal=refusal)))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
