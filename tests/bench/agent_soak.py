"""Whether the agent's core stays flat while its server comes, goes, and flaps.

`--minutes N` (default 30) are measured, the server up, away, and flapping for a third each. Before that it warms up for
`--warm-minutes` (default 7): until every collector of an interval up to five minutes has run twice, and the last two of
them flapping, so that the first reconnections, too, are behind it. After that nothing is left out. `--hurry`: every
collector each second and a server that flaps ten times as fast, so that what a run or a connection leaves behind shows
within minutes.

Memory is read every 5 s. Of the whole and of each part a least-squares line is fitted, in kB an hour; beside it stands
`..._by_medians`, the median of the last fifth less that of the first over the time between them, which a few high
readings cannot bend. Both would be small for what leaks in steps further apart than a part lasts: so the figures of the
whole, and the first and last fifth's medians themselves, are the ones to look at. Memory may also grow by heaps that
are never full again; `python_blocks` tells these apart: live small objects of Python, from the core's own status file.
"""

import argparse
import asyncio
import contextlib
import itertools
import json
import random
import tempfile
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from tests.bench import agent_core, process_cost

from sereno_agent import collectors

BY_NAME_ONLY = True
READ_S = 5.0
FLAP_S = (3.0, 20.0)  # how long it is up, or away, while it flaps
FLAP_WARM_SHARE = 2 / 7
HURRY_MS = 1000

Figure = dict[str, Any]
Server = Callable[[agent_core.Core, asyncio.Event], Coroutine[Any, Any, None]]  # what it does until the part ends


class Reading(NamedTuple):
    """What the core is at one moment. at: seconds."""

    at: float
    rss: int  # kB
    private: int  # kB
    threads: int
    fds: int
    blocks: int


def run(arguments: list[str]) -> Iterator[Figure]:
    """One figure a line."""
    parser = argparse.ArgumentParser(prog="tests.bench agent_soak")
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--warm-minutes", type=float, default=7.0)
    parser.add_argument("--hurry", action="store_true")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        yield from asyncio.run(_soak(Path(folder), given.minutes * 60, given.warm_minutes * 60, hurry=given.hurry))


async def _soak(folder: Path, seconds: float, warm_s: float, *, hurry: bool) -> list[Figure]:
    flap_s = (FLAP_S[0] / 10, FLAP_S[1] / 10) if hurry else FLAP_S
    figures: list[Figure] = []
    every: list[Reading] = []
    async with agent_core.running(folder, _in_a_hurry() if hurry else "") as core:
        started = await _watch(core, folder, READ_S)
        await _watch(core, folder, warm_s * (1 - FLAP_WARM_SHARE))
        await _part(core, folder, _flapping(flap_s), warm_s * FLAP_WARM_SHARE)
        for name, part in (("up", _up), ("away", _away), ("flapping", _flapping(flap_s))):
            before = process_cost.cpu_ms(core.process.pid)
            readings = await _part(core, folder, part, seconds / 3)
            every += readings
            cpu_ms = (process_cost.cpu_ms(core.process.pid) - before) * 15 / (seconds / 3)
            figures += [_figure(f"cpu_ms_per_15s_{name}", cpu_ms), *_slopes(readings, "private", f"_{name}")]
        await core.listen()
    fifth = max(1, len(every) // 5)
    figures += [*_slopes(every, "private"), *_slopes(every, "rss"), *_slopes(every, "blocks", unit="python_blocks")]
    for name, part in (("start", started), ("first_fifth", every[:fifth]), ("last_fifth", every[-fifth:])):
        figures += [
            _figure(f"private_mb_{name}", _median(part, "private") / 1024),
            _figure(f"rss_mb_{name}", _median(part, "rss") / 1024),
            _figure(f"python_blocks_{name}", _median(part, "blocks")),
            _figure(f"threads_max_{name}", max(one.threads for one in part)),
            _figure(f"fds_max_{name}", max(one.fds for one in part)),
        ]
    return [*figures, _figure("minutes", seconds / 60)]


def _in_a_hurry() -> str:
    """agent.toml that lets every collector run each second."""
    each = "".join(f"{name} = {HURRY_MS}\n" for name in collectors.names())
    return f"collect_interval_ms = {HURRY_MS}\n[collector_interval_ms]\n{each}"


async def _part(core: agent_core.Core, folder: Path, server: Server, seconds: float) -> list[Reading]:
    ended = asyncio.Event()
    task = asyncio.create_task(server(core, ended))
    readings = await _watch(core, folder, seconds)
    ended.set()
    await task  # never cancelled: half a change of the server would be another one's beginning
    return readings


async def _watch(core: agent_core.Core, folder: Path, seconds: float) -> list[Reading]:
    loop = asyncio.get_running_loop()
    start, readings = loop.time(), []
    while loop.time() - start < seconds:
        await asyncio.sleep(min(READ_S, seconds))
        core.server.forget()
        if core.process.poll() is not None:
            raise RuntimeError("the agent has ended")
        readings.append(_read(core.process.pid, loop.time(), folder / "state" / "status.json"))
    return readings


def _read(pid: int, at: float, status: Path) -> Reading:
    memory = process_cost.memory(pid)
    threads, fds = (sum(1 for _ in Path(f"/proc/{pid}/{name}").iterdir()) for name in ("task", "fd"))
    try:
        blocks = json.loads(status.read_text())["python_blocks"]
    except (OSError, ValueError, KeyError):
        blocks = 0  # not written yet
    return Reading(at, memory.rss, memory.private, threads, fds, blocks)


async def _up(core: agent_core.Core, _: asyncio.Event) -> None:
    await core.listen()


async def _away(core: agent_core.Core, _: asyncio.Event) -> None:
    await core.go_away()


def _flapping(between_s: tuple[float, float]) -> Server:
    async def flap(core: agent_core.Core, ended: asyncio.Event) -> None:
        random_s = random.Random(1)
        turns = itertools.cycle((core.listen, core.go_away))
        while not ended.is_set():
            await next(turns)()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(ended.wait(), random_s.uniform(*between_s))

    return flap


def _slopes(readings: list[Reading], column: str, suffix: str = "", unit: str = "") -> list[Figure]:
    """The line's slope an hour, and the medians'."""
    name = f"{unit or f'{column}_kb'}_per_hour{suffix}"
    times = np.array([one.at for one in readings])
    values = np.array([getattr(one, column) for one in readings], dtype=float)
    fifth = max(1, len(readings) // 5)
    apart_s = float(np.median(times[-fifth:]) - np.median(times[:fifth]))
    medians = float(np.median(values[-fifth:]) - np.median(values[:fifth])) / apart_s * 3600
    return [
        _figure(name, float(np.polyfit(times, values, 1)[0]) * 3600),
        _figure(f"{name}_by_medians", medians),
    ]


def _median(readings: list[Reading], column: str) -> float:
    return float(np.median([getattr(one, column) for one in readings]))


def _figure(name: str, value: float) -> Figure:
    return {"bench": "agent_soak", "figure": name, "value": round(value, 1)}
