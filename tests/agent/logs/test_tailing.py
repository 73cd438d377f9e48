"""The owner of the sources: what is spooled is noted, what the disk refuses waits, what hangs stops nobody else."""

import asyncio
import errno
import os
import threading

import pytest

from sereno_agent.folders import Folders
from sereno_agent.logs import tailing
from sereno_agent.logs.block import Block
from sereno_agent.logs.tailing import Logs
from sereno_agent.policy import Policy
from sereno_agent.policy_logs import JournalSource, LogSource
from sereno_agent.spool import Spool
from sereno_proto.v1.link_pb2 import Up


class House:
    """A state folder, a policy that changes, and a disk that may be full."""

    def __init__(self, folder) -> None:
        self.folders = Folders(folder / "state")
        self.folders.make()
        self.policy = Policy()
        self.full = False
        self.notices = []
        self.spool = Spool(self.folders.spool, write=self.write)
        self.logs = self.fresh()

    def fresh(self, **how):
        return Logs(
            self.folders,
            lambda: self.policy,
            self.spool,
            lambda code, what: self.notices.append((code, what)),
            journal=("/no/such/journalctl",),
            **how,
        )

    def write(self, fd, content):
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        return os.write(fd, content)

    def spooled(self):
        reader = self.spool.read(0)
        texts = []
        while (record := reader.next()) is not None:
            texts += [line.text for line in Up.FromString(record[1]).logs.lines]
        reader.close()
        return texts

    def names(self, path, **how):
        self.policy = Policy(logs={"app": LogSource("app", path, from_start=True, **how)})


@pytest.fixture
def house(tmp_path):
    return House(tmp_path)


def test_without_sources_nothing_is_written(house):
    asyncio.run(house.logs.round())
    assert not (house.folders.spool / "positions.json").exists()


def test_lines_are_spooled_and_not_again_by_the_next_life(house, tmp_path):
    path = tmp_path / "app.log"
    path.write_text("one\ntwo\n")
    house.names(path)
    asyncio.run(house.logs.round())
    (house.folders.spool / "positions.json").unlink()  # killed before it was written: the spool knows
    house.logs = house.fresh()
    path.open("a").write("three\n")
    asyncio.run(house.logs.round())
    assert house.spooled() == ["one", "two", "three"]


def test_while_the_disk_is_full_the_log_itself_waits(house, tmp_path):
    path = tmp_path / "app.log"
    path.write_text("one\n")
    house.names(path)
    house.full = True
    asyncio.run(house.logs.round())
    assert (house.spooled(), house.spool.dropped["logs"]) == ([], 0)
    house.full = False
    asyncio.run(house.logs.round())
    assert house.spooled() == ["one"]


def test_a_source_that_the_policy_drops_is_forgotten(house, tmp_path):
    path = tmp_path / "app.log"
    path.write_text("one\n")
    house.names(path)
    asyncio.run(house.logs.round())
    house.policy = Policy()
    asyncio.run(house.logs.round())
    house.names(path)
    asyncio.run(house.logs.round())
    assert house.spooled() == ["one", "one"]


def test_a_denied_collector_reads_nothing(house, tmp_path):
    path = tmp_path / "app.log"
    path.write_text("one\n")
    house.policy = Policy(logs={"app": LogSource("app", path, from_start=True)}, collectors_denied=frozenset({"logs"}))
    asyncio.run(house.logs.round())
    assert house.spooled() == []


def test_a_missing_journal_is_told_and_disturbs_no_file(house, tmp_path):
    path = tmp_path / "app.log"
    path.write_text("one\n")
    house.policy = Policy(logs={"app": LogSource("app", path, from_start=True)}, journal=JournalSource())
    asyncio.run(house.logs.round())
    assert house.spooled() == ["one"]
    assert [code for code, _ in house.notices] == ["E_LOGS"]


class Hanging:
    """A source on a file system that does not answer."""

    def __init__(self) -> None:
        self.name, self.notices, self.more = "far", [], False
        self.answers = threading.Event()

    def turn(self):
        self.answers.wait(30)
        return Block("far")

    def committed(self):
        pass

    def close(self):
        pass


def test_a_source_that_hangs_stops_nobody_else_and_comes_back(house, tmp_path):
    async def story():
        house.logs = house.fresh(hangs_s=0.05)
        path = tmp_path / "app.log"
        path.write_text("one\n")
        house.names(path)
        await house.logs.round()
        hanging = Hanging()
        house.logs._sources = {"far": (None, hanging), **house.logs._sources}
        path.open("a").write("two\n")
        await house.logs.round()
        assert house.spooled() == ["one", "two"]
        assert ("E_LOGS", "logs far: reading hangs") in house.notices
        path.open("a").write("three\n")
        await house.logs.round()
        assert house.spooled() == ["one", "two", "three"]
        hanging.answers.set()
        while house.logs._hanging:  # noqa: ASYNC110, a thread ends it
            await asyncio.sleep(0.01)
        await house.logs.round()

    asyncio.run(story())


def test_turns_come_seldom_where_nothing_is_said(house):
    assert (tailing.BUSY_S, tailing.IDLE_S) == (1.0, 2.0)
    assert house.logs._pause_s() == tailing.BUSY_S
    house.logs._said_at -= tailing.IDLE_AFTER_S
    assert house.logs._pause_s() == tailing.IDLE_S
