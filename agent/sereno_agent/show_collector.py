"""`sereno-agent collect`: what a collector would send, without sending it."""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from sereno_agent import collectors, config
from sereno_agent.folders import Folders
from sereno_agent.logs import show as logs_show
from sereno_agent.policy_watch import PolicyWatch
from sereno_agent.reading import Reading, Surroundings
from sereno_proto.errors import BadInput


def show(folders: Folders, wanted: str) -> Iterator[str]:
    """One line a sample, change, fact or notice. Nothing of the agent's own state is touched."""
    names = collectors.names()
    if wanted and wanted not in {*names, "logs"}:
        raise BadInput("E_PARAMETER", f"there is no collector '{wanted[:80]}'; there are {', '.join(names)}, logs")
    policy = PolicyWatch(config.load(folders.config).policy or folders.policy)
    with tempfile.TemporaryDirectory() as scratch:
        state = Folders(Path(scratch), policy=folders.policy, config=folders.config)
        state.make()
        surroundings = Surroundings(policy, state, lambda: time.time_ns() // 1_000_000, time.monotonic)
        for name, module_name in names.items():
            if wanted and name != wanted:
                continue
            collector = collectors.make(name, module_name, surroundings)
            if name in policy().collectors_denied:
                yield f"{name}: denied by the policy"
                continue
            reading = Reading()
            started = time.monotonic()
            collector.collect(reading)
            yield f"# {name}, {(time.monotonic() - started) * 1000:.2f} ms"
            for sample in reading.samples:
                labels = ",".join(f'{key}="{value}"' for key, value in sample.labels)
                yield f"{sample.name}{{{labels}}} {sample.value:g}" if labels else f"{sample.name} {sample.value:g}"
            yield from (change.summary for change in reading.changes)
            yield from (f"{key} = {value}" for key, value in sorted((reading.facts or {}).items()))
            yield from (f"{notice.code}: {notice.what}" for notice in reading.notices)
    if wanted in {"", "logs"}:
        yield from logs_show.show(policy())
