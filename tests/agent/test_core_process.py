"""The core as a real process: kill -9 at any moment, a server that comes and goes, an owner who edits and locks."""

import asyncio
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.agent.link_server import LinkServer, joined_folders, serving

from sereno_agent.cli import main
from sereno_agent.config import Joined, write_joined
from sereno_agent.folders import Folders
from sereno_proto.v1.link_pb2 import Down, Settings

pytestmark = pytest.mark.slow


@contextmanager
def running(folders: Folders) -> Iterator[subprocess.Popen]:
    process = subprocess.Popen([sys.executable, "-m", "sereno_agent", "run", "--state", str(folders.state)])
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def prepare(tmp_path: Path, port: int):
    folders, made = joined_folders(tmp_path / "state")
    write_joined(folders.joined, Joined("dev_test", "test", "org_test", f"127.0.0.1:{port}"))
    folders.config.write_text("collect_interval_ms = 1000\n")
    (tmp_path / "app.conf").write_text("rotate = on\n")
    folders.policy.write_text(f'[files.app-config]\npath = "{tmp_path}/app.conf"\n')
    return folders, made


def free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def steps(server: LinkServer) -> list[int]:
    """The times of all rows that hold cpu and memory, in the order of their commit."""
    return [time_ms for up in server.committed for matrix in up.samples.matrices for time_ms in matrix.time_ms]


def test_killed_again_and_again_with_the_server_away_nothing_is_lost_or_doubled(tmp_path: Path) -> None:
    async def story() -> None:
        port, rng, server = free_port(), random.Random(), LinkServer()
        folders, made = prepare(tmp_path, port)
        lived_s = 0.0
        for life in range(4):
            begun = time.monotonic()
            with running(folders) as process:
                if life == 1:
                    async with serving(server, made, port):
                        await asyncio.sleep(1.5 + rng.random())
                        process.send_signal(signal.SIGKILL)
                        await asyncio.sleep(0.2)
                else:
                    await asyncio.sleep(2.2 + rng.random())
                    process.send_signal(signal.SIGKILL)
                process.wait()
            lived_s += time.monotonic() - begun
        async with serving(server, made, port):
            with running(folders) as process:
                await server.until(lambda: len(steps(server)) > lived_s - 4 * 2)
                await asyncio.sleep(1.5)
                process.send_signal(signal.SIGTERM)
                assert process.wait(10) == 0
        times = steps(server)
        assert len(times) == len(set(times))
        assert len(times) > lived_s - 4 * 1.5, "each life may lose its start and its last second, no more"
        sequences = [up.sequence for up in server.committed]
        assert sequences == sorted(set(sequences))
        assert server.unnamed == []

    asyncio.run(story())


def test_an_edit_a_wish_and_a_lockdown_reach_the_server(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def story() -> None:
        server = LinkServer()
        port = free_port()
        folders, made = prepare(tmp_path, port)
        async with serving(server, made, port):
            with running(folders):
                await server.until(lambda: len(steps(server)) >= 2)
                (tmp_path / "app.conf").write_text("rotate = off\n")
                await server.until(lambda: any(up.HasField("changes") for up in server.committed))
                (change,) = next(up for up in server.committed if up.HasField("changes")).changes.changes
                assert (change.name, "+rotate = off" in change.diff) == ("app-config", True)
                await asyncio.sleep(2.5)
                assert main(["status", "--state", str(folders.state)]) == 0
                assert "connected since" in capsys.readouterr().out
                assert main(["run", "--state", str(folders.state)]) == 1
                assert "E_AGENT_RUNNING" in capsys.readouterr().err
                main(["lockdown", "on", "--state", str(folders.state)])
                await server.until(lambda: any(up.status.lockdown for up in server.passing))
                server.downs.put_nowait(Down(settings=Settings(collect_interval_ms=60_000)))
                await asyncio.sleep(1.5)
                count = len(steps(server))
                await asyncio.sleep(2.5)
                assert len(steps(server)) == count

    asyncio.run(story())


def test_a_signal_ends_it_cleanly_and_what_was_collected_is_in_the_spool(tmp_path: Path) -> None:
    folders, _ = prepare(tmp_path, free_port())
    with running(folders) as process:
        deadline = time.monotonic() + 20
        while not list(folders.spool.glob("*/samples-*.seg")):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
    assert folders.status.exists()
