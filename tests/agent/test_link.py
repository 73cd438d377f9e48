"""The link: everything arrives once and in order, however often the connection breaks."""

import asyncio
import random
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.agent.link_server import LinkServer, joined_folders, serving

from sereno_agent.link import Link
from sereno_agent.series import Series
from sereno_agent.spool import Spool
from sereno_proto.v1.link_pb2 import (
    SERIES_KIND_GAUGE,
    Acknowledge,
    Checkpoint,
    Down,
    Hello,
    Notice,
    Problem,
    SampleBatch,
    SampleMatrix,
    Settings,
    Up,
)
from sereno_proto.v1.runs_pb2 import Command, Reply, RunCheck


class Host:
    def __init__(self) -> None:
        self.link: Link | None = None
        self.wishes: list[Settings] = []
        self.problems: list[Problem] = []
        self.checkpoints: list[Checkpoint] = []

    def hello(self) -> Hello:
        return Hello(protocol_version=1, name="host")

    def settings(self, settings: Settings) -> None:
        self.wishes.append(settings)

    def inventory_known(self, digest: str) -> None:
        self.inventory_digest = digest

    def command(self, command: Command) -> None:
        self.link.post(Up(reply=Reply(command_id=command.id)))

    def checkpoint(self, checkpoint: Checkpoint) -> None:
        self.checkpoints.append(checkpoint)

    def problem(self, problem: Problem) -> None:
        self.problems.append(problem)


async def eventually(condition) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110, the link tells nobody
            await asyncio.sleep(0.01)


async def no_wait(_seconds: float) -> None:
    await asyncio.sleep(0.01)


@asynccontextmanager
async def linked(folders, spool, series, port):
    host = Host()
    link = Link(f"127.0.0.1:{port}", folders, spool, series, host, sleep=no_wait)
    host.link = link
    task = asyncio.create_task(link.run())
    try:
        yield link, host
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def batch(series_id: int, number: int) -> Up:
    matrix = SampleMatrix(series=[series_id], time_ms=[number], values=b"\0" * 8)
    return Up(samples=SampleBatch(matrices=[matrix]))


def numbers(server: LinkServer) -> list[int]:
    return [up.samples.matrices[0].time_ms[0] for up in server.committed]


def test_samples_arrive_named_once_and_in_order(tmp_path: Path) -> None:
    async def story() -> None:
        folders, made = joined_folders(tmp_path)
        spool, series, server = Spool(folders.spool), Series(folders.spool / "series"), LinkServer()
        for number in range(50):
            spool.append(batch(series.id(f"early_{number % 3}", (), SERIES_KIND_GAUGE), number))
        async with serving(server, made) as port, linked(folders, spool, series, port):
            await server.until(lambda: len(server.committed) == 50)
            for number in range(50, 60):
                spool.append(batch(series.id(f"late_{number}", (), SERIES_KIND_GAUGE), number))
            await server.until(lambda: len(server.committed) == 60)
        assert numbers(server) == list(range(60))
        assert server.unnamed == []

    asyncio.run(story())


def test_what_is_acknowledged_leaves_the_spool(tmp_path: Path) -> None:
    async def story() -> None:
        folders, made = joined_folders(tmp_path)
        spool, series, server = Spool(folders.spool), Series(folders.spool / "series"), LinkServer()
        async with serving(server, made) as port, linked(folders, spool, series, port) as (link, _):
            sequence = spool.append(batch(series.id("one", (), SERIES_KIND_GAUGE), 1))
            await eventually(lambda: spool.acknowledged >= sequence)
            assert link.connected_since_ms > 0
        assert spool.bytes == 0

    asyncio.run(story())


def test_a_connection_that_breaks_again_and_again_loses_and_doubles_nothing(tmp_path: Path) -> None:
    async def story() -> None:
        folders, made = joined_folders(tmp_path)
        spool, series, server = Spool(folders.spool), Series(folders.spool / "series"), LinkServer()
        rng = random.Random(7)
        async with serving(server, made) as port, linked(folders, spool, series, port):
            for number in range(120):
                server.break_after = rng.randrange(1, 9)
                server.acknowledge = rng.random() < 0.5
                spool.append(batch(series.id(f"s{number % 7}", (), SERIES_KIND_GAUGE), number))
                if number % 10 == 0:
                    await asyncio.sleep(0.02)
            server.break_after, server.acknowledge = 0, True
            await server.until(lambda: len(server.committed) == 120)
        assert numbers(server) == list(range(120))
        assert server.unnamed == []
        assert len(server.hellos) > 1

    asyncio.run(story())


def test_a_restart_resumes_from_the_servers_high_water_mark(tmp_path: Path) -> None:
    async def story() -> None:
        folders, made = joined_folders(tmp_path)
        server = LinkServer()
        server.acknowledge = False  # committed, but the device never hears of it
        async with serving(server, made) as port:
            for life in range(3):
                spool, series = Spool(folders.spool), Series(folders.spool / "series")
                async with linked(folders, spool, series, port):
                    for number in range(life * 10, life * 10 + 10):
                        spool.append(batch(series.id("s", (), SERIES_KIND_GAUGE), number))
                    wanted = life * 10 + 10
                    await server.until(lambda wanted=wanted: len(server.committed) == wanted)
        assert numbers(server) == list(range(30))
        assert len({hello.epoch for hello in server.hellos}) == 1

    asyncio.run(story())


def test_a_server_that_has_more_than_was_sent_gets_a_new_epoch(tmp_path: Path) -> None:
    async def story() -> None:
        folders, made = joined_folders(tmp_path)
        spool, series, server = Spool(folders.spool), Series(folders.spool / "series"), LinkServer()
        spool.append(batch(series.id("s", (), SERIES_KIND_GAUGE), 1))
        server.high_water[spool.epoch] = 1 << 40
        async with serving(server, made) as port, linked(folders, spool, series, port):
            await server.until(lambda: len(server.committed) == 1)
        assert server.hellos[0].epoch != server.hellos[-1].epoch

    asyncio.run(story())


def test_commands_are_answered_and_settings_and_problems_passed_on(tmp_path: Path) -> None:
    async def story() -> None:
        folders, made = joined_folders(tmp_path)
        spool, series, server = Spool(folders.spool), Series(folders.spool / "series"), LinkServer()
        server.downs.put_nowait(Down(settings=Settings(collect_interval_ms=1000)))
        refused = Problem(sequence=3, code="E_LIMIT", what="too much")
        server.downs.put_nowait(Down(acknowledge=Acknowledge(epoch=spool.epoch, problems=[refused])))
        server.downs.put_nowait(Down(command=Command(id="cmd_1", run_check=RunCheck(check="x"))))
        async with serving(server, made) as port, linked(folders, spool, series, port) as (_, host):
            await server.until(lambda: any(up.HasField("reply") for up in server.passing))
            assert [wish.collect_interval_ms for wish in host.wishes] == [1000]
            assert [problem.code for problem in host.problems] == ["E_LIMIT"]

    asyncio.run(story())


def test_a_server_that_says_something_else_than_welcome_is_left_at_once(tmp_path: Path) -> None:
    async def story() -> None:
        folders, made = joined_folders(tmp_path)
        spool, series, server = Spool(folders.spool), Series(folders.spool / "series"), LinkServer()
        server.unwelcome = [Down(command=Command(id="cmd_early"))]
        async with serving(server, made) as port, linked(folders, spool, series, port) as (link, _host):
            await eventually(lambda: link.connected_since_ms)
            assert len(server.hellos) == 2

    asyncio.run(story())


def test_the_reason_of_a_refusal_is_kept_for_the_owner(tmp_path: Path) -> None:
    async def story() -> None:
        folders, made = joined_folders(tmp_path)
        spool, series, server = Spool(folders.spool), Series(folders.spool / "series"), LinkServer()
        server.refuse = "E_DEVICE_REVOKED: this device's access was revoked"
        async with serving(server, made) as port, linked(folders, spool, series, port) as (link, _):
            await eventually(lambda: link.error)
            assert link.error == server.refuse

    asyncio.run(story())


@pytest.mark.parametrize("attempts", [3, 12])
def test_reconnects_wait_a_random_time_below_a_bound_that_doubles(tmp_path: Path, attempts: int) -> None:
    async def story() -> None:
        folders, _ = joined_folders(tmp_path)
        spool, series = Spool(folders.spool), Series(folders.spool / "series")
        bounds: list[float] = []

        async def sleep(_seconds: float) -> None:
            if len(bounds) == attempts:
                raise asyncio.CancelledError

        def jitter(low: float, high: float) -> float:
            assert low == 0.0
            bounds.append(high)
            return 0.0

        link = Link("127.0.0.1:1", folders, spool, series, Host(), sleep=sleep, jitter=jitter)
        task = asyncio.create_task(link.run())
        await asyncio.gather(task, return_exceptions=True)
        assert bounds == [min(60.0, 2.0**number) for number in range(attempts)]
        assert "127.0.0.1:1" in link.error

    asyncio.run(story())


def test_a_server_of_another_authority_gets_nothing(tmp_path: Path) -> None:
    async def story() -> None:
        folders, _ = joined_folders(tmp_path / "one")
        _, other = joined_folders(tmp_path / "two")
        spool, series, server = Spool(folders.spool), Series(folders.spool / "series"), LinkServer()
        spool.append(Up(notice=Notice(code="E_COLLECTOR", what="secret")))
        async with serving(server, other) as port, linked(folders, spool, series, port) as (link, _):
            await eventually(lambda: link.error)
        assert server.hellos == []

    asyncio.run(story())


def test_a_new_certificate_is_used_by_a_new_connection(tmp_path: Path) -> None:
    async def story() -> None:
        folders, made = joined_folders(tmp_path)
        spool, series, server = Spool(folders.spool), Series(folders.spool / "series"), LinkServer()
        async with serving(server, made) as port, linked(folders, spool, series, port) as (link, _):
            await eventually(lambda: link.connected_since_ms)
            key, chain = made.pair("dev_renewed")
            folders.client_key.write_bytes(key)
            folders.client_pem.write_bytes(chain)
            link.reconnect()
            await eventually(lambda: len(server.callers) == 2)
        assert server.callers == [b"dev_test", b"dev_renewed"]

    asyncio.run(story())
