"""Sample batches: checked, put under the server's series ids, ready to be appended with others in one statement."""

import time

import numpy as np
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_proto.limits import BATCH_SERIES_MAX, BATCH_STEPS_MAX, BATCH_VALUES_MAX, CLOCK_SKEW_MS_MAX, MATRICES_MAX
from sereno_proto.v1.link_pb2 import Problem, SampleMatrix, Up
from sereno_server.gateway.connection import ConnectedDevice
from sereno_server.gateway.ingest.bounds import MS_MAX, problem
from sereno_server.gateway.ingest.notices import note
from sereno_server.store.blocks import Matrix
from sereno_server.store.samples import Batch, append, batch


async def store_samples(tx: AsyncConnection, device: ConnectedDevice, up: Up) -> list[Problem]:
    """Appends one batch. The group commit appends many at once with `checked` instead."""
    row, problems = checked(device, up)
    if row is not None:
        await append(tx, [row])
        await note_skew(tx, device, row.last_ms)
    return problems


def checked(device: ConnectedDevice, up: Up) -> tuple[Batch | None, list[Problem]]:
    """The row to append, or None when nothing is left, and what was refused. The good part of a batch is kept."""
    problems: list[Problem] = []
    matrices: list[Matrix] = []
    if len(up.samples.matrices) > MATRICES_MAX:
        return None, [problem("E_LIMIT", f"a batch has at most {MATRICES_MAX} matrices")]
    values = sum(len(part.series) * len(part.time_ms) for part in up.samples.matrices)
    if values > BATCH_VALUES_MAX:
        return None, [problem("E_LIMIT", f"a batch has at most {BATCH_VALUES_MAX} values, this one {values}")]
    for part in up.samples.matrices:
        refused = _shape_problem(device, part)
        if refused is not None:
            problems.append(refused)
            continue
        matrix = Matrix(
            tuple(device.series[series] for series in part.series),
            np.array(part.time_ms, np.int64),
            np.frombuffer(part.values, "<f8").reshape(len(part.time_ms), len(part.series)),
        )
        kept = _finite(matrix)
        lost = matrix.values.size - sum(good.values.size for good in kept)
        if lost:
            problems.append(problem("E_NOT_FINITE", f"{lost} samples are NaN or infinite"))
        matrices += kept
    return batch(device.organisation_id, device.id, up.epoch, up.sequence, matrices), problems


def _shape_problem(device: ConnectedDevice, part: SampleMatrix) -> Problem | None:
    steps, count = len(part.time_ms), len(part.series)
    if steps > BATCH_STEPS_MAX or count > BATCH_SERIES_MAX:
        return problem("E_LIMIT", f"a matrix of {steps} steps and {count} series is too large")
    if len(part.values) != 8 * steps * count:
        return problem("E_SHAPE", f"{steps} steps of {count} series are not {len(part.values)} bytes")
    if len(set(part.series)) != count:
        return problem("E_SHAPE", "a matrix names a series twice")
    unknown = [series for series in part.series if series not in device.series]
    if unknown:
        return problem("E_SERIES_UNKNOWN", f"series {unknown[0]} was never announced")
    if steps and not 0 <= min(part.time_ms) <= max(part.time_ms) <= MS_MAX:
        return problem("E_LIMIT", "a sample's time lies outside of the years 1970 to 9999")
    return None


def _finite(matrix: Matrix) -> list[Matrix]:
    """The matrix without its NaN and infinite values: rows that miss some go into matrices of their own."""
    good = np.isfinite(matrix.values)
    if good.all():
        return [matrix]
    whole = good.all(axis=1)
    parts = [Matrix(matrix.series, matrix.times[whole], matrix.values[whole])]
    for row in np.flatnonzero(~whole).tolist():
        columns = np.flatnonzero(good[row])
        series = tuple(matrix.series[column] for column in columns.tolist())
        parts.append(Matrix(series, matrix.times[row : row + 1], matrix.values[row : row + 1, columns]))
    return [part for part in parts if part.values.size]


async def note_skew(tx: AsyncConnection, device: ConnectedDevice, last_ms: int) -> None:
    """Notes a clock that is ahead: samples from the future are kept, and a person should know."""
    ahead = last_ms - time.time_ns() // 1_000_000
    if ahead > CLOCK_SKEW_MS_MAX:
        await note(tx, device, "E_CLOCK_SKEW", f"the device's clock is {ahead / 1000:.0f} s ahead", offset_ms=ahead)
