"""What the agent costs its host beside the agents of others, all measured in one run.

Every agent runs alone in its own process tree, for the same time, and is asked for everything each 15 s, as its server
would; ours sends by itself. Options: `--seconds N` (default 60) of measuring. Memory is taken at the end.
Ours is counted as core and workers apart; the others as the sum of their processes.
"""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.bench import agent_core, peers, process_cost

CYCLE_S = 15
SETTLE_S = 20
GOALS = {"rss_mb": (42, 50), "private_mb": (20, 26), "cpu_ms_per_15s": (12, 25), "start_ms": (300, None)}

Figure = dict[str, Any]


def run(arguments: list[str]) -> Iterator[Figure]:
    """One figure a line."""
    parser = argparse.ArgumentParser(prog="tests.bench agent")
    parser.add_argument("--seconds", type=int, default=60)
    seconds = parser.parse_args(arguments).seconds
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        started = [peers.start(peer, Path(folder) / peer.name, stack) for peer in peers.PEERS]
        yield from asyncio.run(_measure(Path(folder), [one for one in started if one], seconds))


async def _measure(folder: Path, others: list[peers.Running], seconds: int) -> list[Figure]:
    (folder / "sereno").mkdir()
    async with agent_core.running(folder / "sereno") as core:
        pid = core.process.pid
        asked = await _ask(others, SETTLE_S)
        before = process_cost.cpu_ms(pid), process_cost.children_cpu_ms(pid)
        before_others = [process_cost.tree_cpu_ms(one.process.pid) for one in others]
        asked = await _ask(others, seconds)
        cycles = seconds / CYCLE_S
        core_ms = (process_cost.cpu_ms(pid) - before[0]) / cycles
        workers_ms = (process_cost.children_cpu_ms(pid) - before[1]) / cycles
        workers = process_cost.memory_of(process_cost.tree(pid)[1:])
        figures = _figures("sereno-agent", process_cost.memory(pid), core_ms, core.first_batch_ms, GOALS)
        cpu_of_start = {"figure": "start_cpu_ms", "value": round(core.first_batch_cpu_ms)}
        figures.append({"bench": "agent", "agent": "sereno-agent"} | cpu_of_start)
        figures += _figures("sereno-agent workers", workers, workers_ms, None)
        for one, cpu_before, size in zip(others, before_others, asked, strict=True):
            cpu = (process_cost.tree_cpu_ms(one.process.pid) - cpu_before) / cycles
            memory = process_cost.memory_of(process_cost.tree(one.process.pid))
            figures += _figures(one.peer.name, memory, cpu, one.start_ms)
            sys.stderr.write(f"{one.peer.name}: answered with {size} bytes a cycle\n")
    return figures


async def _ask(others: list[peers.Running], seconds: int) -> list[int]:
    """Asks each for everything at a 15 s rhythm for so long; gives the bytes of the last answers."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    sizes = [0] * len(others)
    while loop.time() < end:
        began = loop.time()
        sizes = [await asyncio.to_thread(one.ask) for one in others]
        await asyncio.sleep(max(0.0, min(began + CYCLE_S, end) - loop.time()))
    return sizes


def _figures(
    agent: str,
    memory: process_cost.Memory,
    cpu_ms: float,
    start_ms: float | None,
    goals: dict[str, tuple[int, int | None]] | None = None,
) -> list[Figure]:
    values = {
        "rss_mb": round(memory.rss / 1024, 1),
        "private_mb": round(memory.private / 1024, 1),
        "cpu_ms_per_15s": round(cpu_ms, 1),
        "start_ms": None if start_ms is None else round(start_ms),
    }
    figures: list[Figure] = []
    for name, value in values.items():
        if value is None:
            continue
        goal, floor = (goals or {}).get(name, (None, None))
        bounds = {"goal": goal, "floor": floor}
        figures.append(
            {"bench": "agent", "agent": agent, "figure": name, "value": value}
            | {key: bound for key, bound in bounds.items() if bound is not None}
        )
    return figures
