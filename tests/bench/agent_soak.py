"""Whether the agent's core stays flat while its server comes, goes, and flaps. `--minutes N` (default 30).

The first fifth is warming up; then the server is up, away, and flapping for a third of the rest each. The slope is
a least-squares line through the private memory of each part: what leaks shows in one of them.
"""

import argparse
import asyncio
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from tests.bench import agent_core, process_cost

BY_NAME_ONLY = True
READ_S = 5.0
WARM_SHARE = 0.2
FLAP_S = (3.0, 20.0)  # how long it is up, or away, while it flaps

Figure = dict[str, Any]
Reading = tuple[float, int, int]  # seconds since the start, rss and private in kB


def run(arguments: list[str]) -> Iterator[Figure]:
    """One figure a line."""
    parser = argparse.ArgumentParser(prog="tests.bench agent_soak")
    parser.add_argument("--minutes", type=float, default=30.0)
    seconds = parser.parse_args(arguments).minutes * 60
    with tempfile.TemporaryDirectory() as folder:
        yield from asyncio.run(_soak(Path(folder), seconds))


async def _soak(folder: Path, seconds: float) -> list[Figure]:
    part_s = seconds * (1 - WARM_SHARE) / 3
    figures: list[Figure] = []
    every: list[Reading] = []
    async with agent_core.running(folder) as core:
        readings = await _watch(core, seconds * WARM_SHARE)
        figures.append(_figure("private_mb_warm", readings[-1][2] / 1024))
        for name, part in (("up", _up), ("away", _away), ("flapping", _flapping)):
            task = asyncio.create_task(part(core))
            before = process_cost.cpu_ms(core.process.pid)
            readings = await _watch(core, part_s)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            every += readings
            figures += [
                _figure(f"private_kb_per_hour_{name}", _slope(readings, 2)),
                _figure(f"cpu_ms_per_15s_{name}", (process_cost.cpu_ms(core.process.pid) - before) * 15 / part_s),
            ]
        await core.listen()
        figures += [
            _figure("private_kb_per_hour", _slope(every, 2)),
            _figure("rss_kb_per_hour", _slope(every, 1)),
            _figure("private_mb_end", every[-1][2] / 1024),
            _figure("rss_mb_end", every[-1][1] / 1024),
            _figure("minutes", seconds / 60),
        ]
    return figures


async def _watch(core: agent_core.Core, seconds: float) -> list[Reading]:
    loop = asyncio.get_running_loop()
    start, readings = loop.time(), []
    while loop.time() - start < seconds:
        await asyncio.sleep(READ_S)
        core.server.forget()
        if core.process.poll() is not None:
            raise RuntimeError("the agent has ended")
        memory = process_cost.memory(core.process.pid)
        readings.append((loop.time(), memory.rss, memory.private))
    return readings


async def _up(core: agent_core.Core) -> None:
    await core.listen()


async def _away(core: agent_core.Core) -> None:
    await core.go_away()


async def _flapping(core: agent_core.Core) -> None:
    random_s = random.Random(1)
    while True:
        await core.listen()
        await asyncio.sleep(random_s.uniform(*FLAP_S))
        await core.go_away()
        await asyncio.sleep(random_s.uniform(*FLAP_S))


def _slope(readings: list[Reading], column: int) -> float:
    """Kilobytes an hour."""
    table = np.array(readings)
    return float(np.polyfit(table[:, 0], table[:, column], 1)[0]) * 3600


def _figure(name: str, value: float) -> Figure:
    return {"bench": "agent_soak", "figure": name, "value": round(value, 1)}
