"""What the agent's core costs its host: memory, CPU of an idle cycle, start time, with the server up.

The core runs as its own process against a Link server in this one. Options: `--seconds N` (default 60) of measuring.
"""

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.agent.link_server import LinkServer, joined_folders, serving

from sereno_agent.config import Joined, write_joined

CYCLE_S = 15
SETTLE_S = 20
POLICY = '[folders.logs]\npath = "{logs}"\nquota_bytes = 1000000\n[files.config]\npath = "{config}"\n'


def run(arguments: list[str]) -> Iterator[dict[str, Any]]:
    """One figure a line."""
    parser = argparse.ArgumentParser(prog="tests.bench agent")
    parser.add_argument("--seconds", type=int, default=60)
    seconds = parser.parse_args(arguments).seconds
    with tempfile.TemporaryDirectory() as folder:
        yield from asyncio.run(_measure(Path(folder), seconds))


async def _measure(folder: Path, seconds: int) -> list[dict[str, Any]]:
    folders, made = joined_folders(folder / "state")
    (folder / "logs").mkdir()
    (folder / "logs" / "app.log").write_text("x" * 1000)
    (folder / "app.conf").write_text("rotate = on\n")
    folders.policy.write_text(POLICY.format(logs=folder / "logs", config=folder / "app.conf"))
    server = LinkServer()
    async with serving(server, made) as port:
        write_joined(folders.joined, Joined("dev_test", "bench", "org_test", f"127.0.0.1:{port}"))
        started = time.monotonic()
        process = subprocess.Popen(  # noqa: ASYNC220, the bench has nothing else to do
            [sys.executable, "-m", "sereno_agent", "run", "--state", str(folders.state)]
        )
        try:
            await server.until(lambda: len(server.committed) > 0)
            start_ms = (time.monotonic() - started) * 1000
            await asyncio.sleep(SETTLE_S)
            before = _cpu_ms(process.pid)
            await asyncio.sleep(seconds)
            cpu_ms = (_cpu_ms(process.pid) - before) * CYCLE_S / seconds
            memory = _memory(process.pid)
        finally:
            process.terminate()
            process.wait()
    return [
        {"bench": "agent", "figure": "rss_mb", "value": round(memory["Rss"] / 1024, 1), "goal": 42, "floor": 50},
        {"bench": "agent", "figure": "private_mb", "value": round(_private(memory) / 1024, 1), "goal": 20, "floor": 26},
        {"bench": "agent", "figure": "cpu_ms_per_15s", "value": round(cpu_ms, 1), "goal": 12, "floor": 25},
        {"bench": "agent", "figure": "first_batch_ms", "value": round(start_ms), "goal": 300},
    ]


def _cpu_ms(pid: int) -> float:
    """CPU in ms; schedstat counts nanoseconds where the kernel keeps them, else ticks of 10 ms."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    try:
        return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e6
    except (OSError, ValueError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")


def _memory(pid: int) -> dict[str, int]:
    """Kilobytes by kind."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    return {line.split(":")[0]: int(line.split()[1]) for line in lines if line.endswith("kB")}


def _private(memory: dict[str, int]) -> int:
    return memory["Private_Clean"] + memory["Private_Dirty"]
