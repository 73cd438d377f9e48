"""Samples by device, series and time: appended as batches, read from batches and device-hour blocks alike."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_proto.errors import BadInput
from sereno_proto.limits import SERIES_PER_DEVICE_MAX
from sereno_proto.v1.link_pb2 import SampleBatch, SampleMatrix
from sereno_server.store import rollup
from sereno_server.store.blocks import Float64, Int64, Matrix, decode, merged
from sereno_server.store.tables import series as series_table

ROWS_FROM_THREAD = 8  # so many rows are decoded beside the loop, not in it
LATEST_WINDOW_MS = 600_000  # how far behind a device's newest sample a series still counts as measured

HOUR_MS = rollup.HOUR_MS
Columns = rollup.Columns


@dataclass(frozen=True)
class Batch:
    """One row to append: what a device sent in one message, under the server's series ids.

    first_ms, last_ms: the earliest and latest sample in it, by the device's clock.
    """

    organisation_id: str
    device_id: str
    epoch: bytes
    sequence: int
    first_ms: int
    last_ms: int
    payload: bytes


@dataclass(frozen=True)
class SeriesKey:
    """What names a series within a device. kind: gauge or counter."""

    name: str
    labels: tuple[tuple[str, str], ...] = ()
    kind: str = "gauge"

    @property
    def text(self) -> str:
        """folder_used_bytes{folder="app-logs"}, labels sorted, quotes and backslashes escaped."""
        if not self.labels:
            return self.name
        pairs = ",".join(
            '{}="{}"'.format(key, value.replace("\\", "\\\\").replace('"', '\\"')) for key, value in sorted(self.labels)
        )
        return f"{self.name}{{{pairs}}}"


def pack(matrices: Iterable[Matrix]) -> bytes:
    """The payload of a batch."""
    return SampleBatch(
        matrices=[
            SampleMatrix(
                series=matrix.series, time_ms=matrix.times.tolist(), values=matrix.values.astype("<f8").tobytes()
            )
            for matrix in matrices
        ]
    ).SerializeToString()


def unpack(payload: bytes) -> list[Matrix]:
    """The matrices of a batch's payload."""
    matrices = []
    for part in SampleBatch.FromString(payload).matrices:
        times = np.array(part.time_ms, np.int64)
        values = np.frombuffer(part.values, "<f8").reshape(len(times), len(part.series))
        matrices.append(Matrix(tuple(part.series), times, values))
    return matrices


def batch(
    organisation_id: str, device_id: str, epoch: bytes, sequence: int, matrices: Sequence[Matrix]
) -> Batch | None:
    """A batch of these matrices, or None when they hold no sample."""
    full = [matrix for matrix in matrices if matrix.values.size]
    if not full:
        return None
    first = min(int(matrix.times.min()) for matrix in full)
    last = max(int(matrix.times.max()) for matrix in full)
    return Batch(organisation_id, device_id, epoch, sequence, first, last, pack(full))


_APPEND = text("""
    INSERT INTO batches (organisation_id, device_id, epoch, sequence, first_ms, last_ms, payload)
    SELECT * FROM unnest(
        cast(:organisations AS text[]), cast(:devices AS text[]), cast(:epochs AS bytea[]),
        cast(:sequences AS bigint[]), cast(:firsts AS bigint[]), cast(:lasts AS bigint[]), cast(:payloads AS bytea[])
    ) ON CONFLICT DO NOTHING
""")


async def append(tx: AsyncConnection, batches: Sequence[Batch]) -> None:
    """Stores many batches in one statement. One whose (device, epoch, sequence) is stored already changes nothing."""
    if not batches:
        return
    # Row-level security forbids COPY; unnest is the other way to send many rows as one.
    await tx.execute(
        _APPEND,
        {
            "organisations": [row.organisation_id for row in batches],
            "devices": [row.device_id for row in batches],
            "epochs": [row.epoch for row in batches],
            "sequences": [row.sequence for row in batches],
            "firsts": [row.first_ms for row in batches],
            "lasts": [row.last_ms for row in batches],
            "payloads": [row.payload for row in batches],
        },
    )


async def name_series(
    tx: AsyncConnection, organisation_id: str, device_id: str, keys: Sequence[SeriesKey]
) -> dict[SeriesKey, int]:
    """The server's id of each series, made where it is new. Raises E_LIMIT when a device has too many."""
    if not keys:
        return {}
    known = await series_ids(tx, organisation_id, device_id)
    new = {key.text: key for key in keys if key.text not in known}
    if len(known) + len(new) > SERIES_PER_DEVICE_MAX:
        raise BadInput("E_LIMIT", f"a device has at most {SERIES_PER_DEVICE_MAX} series")
    if new:
        rows = [
            {
                "organisation_id": organisation_id,
                "device_id": device_id,
                "name": key.name,
                "labels": dict(key.labels),
                "text": key.text,
                "kind": key.kind,
            }
            for key in new.values()
        ]
        await tx.execute(
            insert(series_table).on_conflict_do_nothing(), rows
        )  # one by one: a statement has 65,535 places
        known = await series_ids(tx, organisation_id, device_id)
    return {key: known[key.text] for key in keys}


async def series_ids(tx: AsyncConnection, organisation_id: str, device_id: str) -> Mapping[str, int]:
    rows = await tx.execute(
        text("SELECT text, id FROM series WHERE organisation_id = :organisation AND device_id = :device"),
        {"organisation": organisation_id, "device": device_id},
    )
    return {row.text: row.id for row in rows}


# One statement, so that a compactor that moves batches into a block in between is seen wholly or not at all.
_READ = text("""
    SELECT true AS block, payload, hour_ms AS at_ms, part AS nth FROM blocks
    WHERE organisation_id = :organisation AND device_id = :device AND hour_ms > :start - 3600000 AND hour_ms < :end
    UNION ALL
    SELECT false, payload, last_ms, sequence FROM batches
    WHERE organisation_id = :organisation AND device_id = :device AND last_ms >= :start AND first_ms < :end
    ORDER BY at_ms, nth
""")

_LATEST = text("""
    WITH newest AS (
        SELECT greatest(
            (SELECT max(last_ms) FROM batches WHERE organisation_id = :organisation AND device_id = :device),
            (SELECT max(hour_ms) FROM blocks WHERE organisation_id = :organisation AND device_id = :device)
        ) AS at_ms
    )
    SELECT true AS block, payload, hour_ms AS at_ms, part AS nth FROM blocks, newest
    WHERE organisation_id = :organisation AND device_id = :device AND hour_ms > newest.at_ms - 3600000 - :window
    UNION ALL
    SELECT false, payload, last_ms, sequence FROM batches, newest
    WHERE organisation_id = :organisation AND device_id = :device AND last_ms >= newest.at_ms - :window
    ORDER BY at_ms, nth
""")


_OLDEST = text("""
    SELECT least(
        (SELECT min(hour_ms) FROM blocks WHERE organisation_id = :organisation AND device_id = :device),
        (SELECT min(first_ms) FROM batches WHERE organisation_id = :organisation AND device_id = :device),
        (SELECT min(day_ms) FROM rollups_1h WHERE organisation_id = :organisation AND device_id = :device)
    )
""")


async def read(  # noqa: PLR0917 (the six say where, of what and when)
    tx: AsyncConnection,
    organisation_id: str,
    device_id: str,
    series_ids: Iterable[int] | None,
    start_ms: int,
    end_ms: int,
) -> Columns:
    """The samples with start_ms <= time < end_ms, of these series or (None) of all, in order of time.

    Gives {series id: (int64 milliseconds, f64 values)}; a series without samples in the range is left out.
    """
    bounds = {"organisation": organisation_id, "device": device_id, "start": start_ms, "end": end_ms}
    wanted = None if series_ids is None else frozenset(series_ids)
    rows = (await tx.execute(_READ, bounds)).all()
    if len(rows) < ROWS_FROM_THREAD:
        return _read(rows, wanted, start_ms, end_ms)
    return await asyncio.to_thread(_read, rows, wanted, start_ms, end_ms)


async def latest(tx: AsyncConnection, organisation_id: str, device_id: str) -> dict[int, tuple[int, float]]:
    """{series id: (milliseconds, value)} of each series' newest sample, for those measured of late."""
    bounds = {"organisation": organisation_id, "device": device_id, "window": LATEST_WINDOW_MS}
    columns = _read((await tx.execute(_LATEST, bounds)).all(), None)
    return {series: (int(times[-1]), float(values[-1])) for series, (times, values) in columns.items()}


async def oldest_ms(tx: AsyncConnection, organisation_id: str, device_id: str) -> int:
    """When a device's history begins, to the hour, or to the day where only rollups are left; 0 when it has none."""
    of = {"organisation": organisation_id, "device": device_id}
    return int((await tx.execute(_OLDEST, of)).scalar_one() or 0)


def _read(
    rows: Sequence[Any], wanted: frozenset[int] | None, start: int | None = None, end: int | None = None
) -> Columns:
    matrices: list[Matrix] = []
    for row in rows:
        matrices += decode(row.payload, wanted) if row.block else unpack(row.payload)
    return columns_of(matrices, wanted, start, end)


def columns_of(
    matrices: Iterable[Matrix], wanted: frozenset[int] | None, start: int | None = None, end: int | None = None
) -> Columns:
    """Each series of matrices, in order of time; those that share their times have the same array of them."""
    parts: dict[int, list[tuple[Int64, Float64]]] = {}
    # Joined first: most matrices of a device have the same series, and its columns are then cut out once.
    for matrix in merged(matrices):
        first, last = 0, len(matrix.times)
        if start is not None and end is not None:
            first, last = np.searchsorted(matrix.times, (start, end)).tolist()
        if first == last:
            continue
        times, columns = matrix.times[first:last], np.ascontiguousarray(matrix.values[first:last].T)
        for column, series in enumerate(matrix.series):
            if wanted is None or series in wanted:
                parts.setdefault(series, []).append((times, columns[column]))
    return {series: _in_order(columns) for series, columns in parts.items()}


def _in_order(columns: list[tuple[Int64, Float64]]) -> tuple[Int64, Float64]:
    if len(columns) == 1:
        return columns[0]
    times = np.concatenate([times for times, _ in columns])
    values = np.concatenate([values for _, values in columns])
    if np.any(times[1:] < times[:-1]):
        order = np.argsort(times, kind="stable")
        times, values = times[order], values[order]
    return times, values
