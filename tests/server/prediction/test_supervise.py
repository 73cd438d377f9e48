"""The supervisor with the real child process."""

import asyncio
import os
import signal
from dataclasses import dataclass
from pathlib import Path

import pytest

from sereno_server.config import Settings
from sereno_server.prediction import supervise
from sereno_server.store.engine import Store

pytestmark = pytest.mark.slow


@dataclass
class Parts:
    settings: Settings
    store: Store


def _children():
    return {
        int(pid)
        for task in Path("/proc/self/task").iterdir()
        for pid in (task / "children").read_text().split()
        if b"sereno_server.prediction" in Path(f"/proc/{pid}/cmdline").read_bytes()
    }


async def _until(says, seconds=60.0):
    async with asyncio.timeout(seconds):
        while not says():  # noqa: ASYNC110 (another process is watched)
            await asyncio.sleep(0.05)


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="reads /proc")
def test_the_process_is_started_again_when_it_dies_and_ends_with_the_server(store, tmp_path):
    async def story():
        parts = Parts(Settings(data_dir=tmp_path, forecast_interval_s=1.0), store)
        task = asyncio.create_task(supervise.run(parts))
        await _until(_children)
        (first,) = _children()
        os.kill(first, signal.SIGKILL)
        await _until(lambda: _children() and first not in _children())
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert not _children()

    asyncio.run(story())
