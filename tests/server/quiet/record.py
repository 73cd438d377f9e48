"""Records what the real agent sends of this machine: `python -m tests.server.quiet.record MINUTES`.

Names of processes, containers and folders of that machine are not kept: their series are numbered. The result is
`recorded.npz` beside this file: a row a series, a column a step of 15 s, NaN where nothing was measured.
"""

import asyncio
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
from tests.bench.agent_core import running

from sereno_proto.v1.link_pb2 import SeriesKind

PATH = Path(__file__).with_name("recorded.npz")
STEP_MS = 15_000
PRIVATE = ("process", "container", "folder")  # labels whose values say what runs there


async def record(minutes: float) -> None:
    """Runs an agent for so long and keeps every sample it sent."""
    samples: dict[int, dict[int, float]] = {}
    with tempfile.TemporaryDirectory(prefix="sereno-record-") as folder:
        async with running(Path(folder)) as core:
            await asyncio.sleep(minutes * 60)
            names = dict(core.server.names)
            for up in core.server.committed:
                for matrix in up.samples.matrices:
                    values = np.frombuffer(matrix.values, "<f8").reshape(len(matrix.time_ms), len(matrix.series))
                    for at, row in zip(matrix.time_ms, values, strict=True):
                        for series, value in zip(matrix.series, row, strict=True):
                            samples.setdefault(series, {})[at // STEP_MS] = float(value)
    first = min(min(one) for one in samples.values())
    steps = max(max(one) for one in samples.values()) - first + 1
    matrix = np.full((len(samples), steps), np.nan)
    told, numbers = [], {}
    for row, (series, one) in enumerate(sorted(samples.items())):
        named = names[series]
        labels = {}
        for key, value in named.labels.items():
            hidden = f"{key}-{numbers.setdefault((key, value), len(numbers))}"
            labels[key] = hidden if key in PRIVATE or len(value) > 20 else value
        told.append([named.name, labels, "counter" if named.kind == SeriesKind.SERIES_KIND_COUNTER else "gauge"])
        for at, value in one.items():
            matrix[row, at - first] = value
    np.savez_compressed(PATH, names=np.frombuffer(json.dumps(told).encode(), np.uint8), values=matrix)
    print(len(samples), "series", steps, "steps", PATH.stat().st_size, "bytes")  # noqa: T201 (a command)


if __name__ == "__main__":
    asyncio.run(record(float(sys.argv[1])))
