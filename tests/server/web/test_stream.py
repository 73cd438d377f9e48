"""Server-sent events: one's own organisation only, each once, and an end when the server stops."""

import asyncio
import json

from sereno_server.store.events import Event, Events
from sereno_server.web.stream import told


def told_lines(chunks):
    return [json.loads(line[6:]) for chunk in chunks for line in chunk.splitlines() if line.startswith("data: ")]


def test_only_the_own_organisations_events_are_told_and_each_once():
    async def play():
        events, stopping = Events("postgresql://unused"), asyncio.Event()
        stream = told(events, "org_a", stopping, gather_s=0)
        chunks = [await anext(stream)]
        wait = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0)
        for event in (Event("sample", "org_a", "", "dev_1"),) * 3 + (Event("ticket", "org_b", "tkt_9", "dev_9"),):
            events.deliver(event)
        chunks.append(await wait)
        stopping.set()
        chunks += [chunk async for chunk in stream]
        return chunks

    assert told_lines(asyncio.run(play())) == [{"kind": "sample", "id": "", "device": "dev_1"}]


def test_a_missed_event_makes_everyone_read_anew():
    async def play():
        events = Events("postgresql://unused")
        stream = told(events, "org_a", asyncio.Event(), gather_s=0)
        await anext(stream)
        wait = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0)
        events.deliver(Event("resync", "", ""))
        chunk = await wait
        await stream.aclose()
        return [chunk]

    assert told_lines(asyncio.run(play()))[0]["kind"] == "resync"


def test_a_stream_ends_by_itself_so_that_the_session_is_looked_at_again():
    async def play():
        stream = told(Events("postgresql://unused"), "org_a", asyncio.Event(), keepalive_s=0.001, stream_s=0.003)
        return [chunk async for chunk in stream]

    chunks = asyncio.run(play())
    assert chunks[0].startswith("retry:")
    assert chunks[-1] == ": still here\n\n"
