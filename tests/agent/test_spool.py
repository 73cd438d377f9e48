"""The spool: nothing unacknowledged is lost, nothing acknowledged is sent again, whatever the disk does."""

import errno
import os
import random
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sereno_agent.series import Series
from sereno_agent.spool import Spool
from sereno_proto.errors import BadInput
from sereno_proto.v1.link_pb2 import SERIES_KIND_GAUGE, LogBlock, LogLine, Notice, SampleBatch, SampleMatrix, Up


def samples(number: int, size: int = 40) -> Up:
    matrix = SampleMatrix(series=[1], time_ms=[number], values=b"x" * size)
    return Up(samples=SampleBatch(matrices=[matrix]), made_ms=1)


def notice(number: int) -> Up:
    return Up(notice=Notice(code="E_TEST", what=str(number)), made_ms=1)


def logs(size: int) -> Up:
    return Up(logs=LogBlock(source="s", lines=[LogLine(text="l" * size)]), made_ms=1)


def contents(spool: Spool, after: int = 0) -> list[Up]:
    reader, found = spool.read(after), []
    while (record := reader.next()) is not None:
        up = Up.FromString(record[1])
        assert up.sequence == record[0]
        found.append(up)
    return found


def what(ups: list[Up]) -> list[str]:
    return [up.notice.what or str(up.samples.matrices[0].time_ms[0]) for up in ups]


class Disk:
    """os.write with a bounded number of bytes left."""

    def __init__(self, free: int) -> None:
        self.free = free

    def __call__(self, fd: int, content: memoryview) -> int:
        if self.free <= 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        part = content[: self.free]
        self.free -= len(part)
        return os.write(fd, part)


def test_messages_come_back_in_order_across_kinds_and_restarts(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    for number in range(10):
        spool.append(samples(number) if number % 3 else notice(number), durable=not number % 3)
    epoch = spool.epoch
    again = Spool(tmp_path)
    assert again.epoch == epoch
    sequence = again.append(samples(10))
    found = contents(again)
    assert what(found) == [str(number) for number in range(11)]
    assert found[-1].sequence == sequence
    assert all(up.epoch == epoch for up in found)
    assert [up.sequence for up in found] == sorted({up.sequence for up in found})


def test_a_sequence_is_never_used_twice(tmp_path: Path) -> None:
    """Even when the tail of what was written is lost, as after a power cut."""
    seen: set[int] = set()
    for _ in range(5):
        spool = Spool(tmp_path)
        for number in range(20):
            sequence = spool.append(samples(number))
            assert sequence not in seen
            seen.add(sequence)
        for path in tmp_path.glob("*/samples-*.seg"):
            path.unlink()


def test_acknowledged_messages_leave_the_disk_and_are_not_read_again(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    sequences = [spool.append(samples(number)) for number in range(10)]
    spool.acknowledge(sequences[3])
    assert what(contents(spool, spool.acknowledged)) == [str(number) for number in range(4, 10)]
    spool.acknowledge(sequences[-1])
    assert spool.bytes == 0
    assert len(list(tmp_path.glob("*/*.seg"))) == 1  # the one being written
    for number in range(2000):
        spool.acknowledge(spool.append(samples(number)))
    assert sum(path.stat().st_size for path in tmp_path.glob("*/*.seg")) < 1 << 17
    spool.append(samples(99))
    assert what(contents(spool, spool.acknowledged)) == ["99"]


def test_an_acknowledgement_of_what_was_never_sent_is_not_believed(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.append(samples(1))
    spool.acknowledge(1 << 60)
    spool.append(samples(2))
    assert what(contents(spool, spool.acknowledged)) == ["2"]


def test_a_reader_goes_on_with_what_is_appended_later(tmp_path: Path) -> None:
    spool = Spool(tmp_path, bytes_max=1 << 14)
    reader, got = spool.read(0), []
    for number in range(200):
        spool.append(samples(number))
        while (record := reader.next()) is not None:
            got.append(record[0])
            spool.acknowledge(record[0])
    assert len(got) == 200
    assert sum(spool.dropped.values()) == 0


@settings(max_examples=60, deadline=None)
@given(
    counts=st.lists(st.integers(1, 12), min_size=1, max_size=5),
    cut=st.integers(0, 600),
    garbage=st.binary(max_size=64),
    acknowledged=st.integers(0, 40),
    seed=st.integers(0, 1 << 30),
)
def test_a_torn_or_garbled_tail_costs_only_itself(
    counts: list[int], cut: int, garbage: bytes, acknowledged: int, seed: int
) -> None:
    """kill -9 at any byte: all whole records before the cut are there, in order, once; later appends are too."""
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        number, written = 0, {}
        for count in counts:
            spool = Spool(Path(folder), bytes_max=1 << 15)
            for _ in range(count):
                message = notice(number) if rng.random() < 0.3 else samples(number, rng.randrange(8, 200))
                written[spool.append(message)] = str(number)
                number += 1
            spool.close()
        newest = max(Path(folder).glob("*/*.seg"), key=lambda path: int(path.stem.rpartition("-")[2]))
        content = newest.read_bytes()
        first = int(newest.stem.rpartition("-")[2])
        newest.write_bytes(content[: max(0, len(content) - cut)] + garbage)
        spool = Spool(Path(folder), bytes_max=1 << 15)
        late = spool.append(notice(-1))
        found = contents(spool)
        sequences = [up.sequence for up in found]
        assert sequences == sorted(set(sequences))
        for up in found[:-1]:
            assert written[up.sequence] == what([up])[0]
        assert sequences[-1] == late
        kind = newest.stem.split("-")[0]
        lost = written.keys() - set(sequences)
        assert all(sequence >= first for sequence in lost), kind
        if cut == 0:
            assert not lost
        mark = sorted([*written, late])[min(acknowledged, len(written))]
        spool.acknowledge(mark)
        assert [up.sequence for up in contents(spool, spool.acknowledged)] == [s for s in sequences if s > mark]


def test_damage_in_the_middle_costs_only_the_records_it_hit(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    for number in range(20):
        spool.append(samples(number))
    spool.close()
    (segment,) = tmp_path.glob("*/*.seg")
    content = bytearray(segment.read_bytes())
    content[200:210] = b"\0" * 10
    segment.write_bytes(content)
    found = what(contents(Spool(tmp_path)))
    assert len(found) in (18, 19)
    assert found[0] == "0"
    assert found[-1] == "19"


def test_a_full_disk_drops_the_oldest_counted_and_goes_on(tmp_path: Path) -> None:
    disk = Disk(1 << 20)
    spool = Spool(tmp_path, bytes_max=1 << 16, write=disk)
    for number in range(50):
        spool.append(samples(number))
    disk.free = 30  # the next record is torn
    for number in range(50, 60):
        assert spool.append(samples(number)) > 0
    assert "No space left" in spool.full
    assert spool.dropped["samples"] == 50
    assert what(contents(spool))[-10:] == [str(number) for number in range(50, 60)]
    disk.free = 1 << 20
    spool.append(samples(60))
    assert spool.full == ""
    assert what(contents(spool))[-1] == "60"


def test_a_disk_that_was_full_from_the_start_keeps_messages_in_memory(tmp_path: Path) -> None:
    disk = Disk(0)
    spool = Spool(tmp_path, write=disk)
    sequences = [spool.append(samples(number)) for number in range(5)]
    assert sequences == [1, 2, 3, 4, 5]
    assert what(contents(spool)) == ["0", "1", "2", "3", "4"]
    spool.acknowledge(3)
    disk.free = 1 << 20
    spool.append(notice(5))
    assert what(contents(spool, spool.acknowledged)) == ["3", "4", "5"]
    assert Spool(tmp_path).epoch == spool.epoch


def test_the_kind_above_its_share_gives_way_first(tmp_path: Path) -> None:
    spool = Spool(tmp_path, bytes_max=1 << 16)
    for number in range(20):
        spool.append(notice(number))
    for _ in range(400):
        spool.append(logs(500))
    assert spool.bytes <= 1 << 16
    assert spool.dropped["logs"] > 0
    assert spool.dropped["records"] == spool.dropped["samples"] == 0
    kept = [up for up in contents(spool) if up.HasField("notice")]
    assert len(kept) == 20
    spool.save()
    assert Spool(tmp_path).dropped == spool.dropped


def test_a_spool_put_back_from_a_copy_begins_a_new_epoch(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.append(samples(1))
    before = spool.epoch
    assert spool.resume(1 << 40) is False
    assert spool.epoch != before
    (up,) = contents(spool)
    assert up.epoch == spool.epoch
    assert what([up]) == ["1"]


def test_a_lost_epoch_file_keeps_what_was_spooled(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    for number in range(3):
        spool.append(samples(number))
    spool.close()
    (tmp_path / "epoch").write_bytes(b"garbage")
    again = Spool(tmp_path)
    assert again.epoch != spool.epoch
    assert what(contents(again)) == ["0", "1", "2"]


def test_a_message_beyond_the_limit_is_refused(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    with pytest.raises(BadInput, match="E_LIMIT"):
        spool.append(samples(1, size=1 << 20))
    assert contents(spool) == []


def test_series_keep_their_ids_across_restarts_and_torn_writes(tmp_path: Path) -> None:
    path = tmp_path / "series"
    series = Series(path)
    first = series.id("cpu_used_ratio", (), SERIES_KIND_GAUGE)
    second = series.id("folder_used_bytes", (("folder", "app-logs"),), SERIES_KIND_GAUGE)
    assert (first, second) == (1, 2)
    path.write_bytes(path.read_bytes() + b"\xa5Sr1torn")
    again = Series(path)
    assert again.id("folder_used_bytes", (("folder", "app-logs"),), SERIES_KIND_GAUGE) == 2
    third = again.id("load1", (), SERIES_KIND_GAUGE)
    assert third > 2
    assert Series(path).id("load1", (), SERIES_KIND_GAUGE) == third
    assert [named.name for message in again.messages([1, third]) for named in message.series] == [
        "cpu_used_ratio",
        "load1",
    ]


def test_a_series_that_cannot_be_written_has_no_id(tmp_path: Path) -> None:
    disk = Disk(10)
    series = Series(tmp_path / "series", write=disk)
    assert series.id("load1", (), SERIES_KIND_GAUGE) == 0
    disk.free = 1000
    assert series.id("load1", (), SERIES_KIND_GAUGE) == 1
    assert Series(tmp_path / "series").id("load1", (), SERIES_KIND_GAUGE) == 1
