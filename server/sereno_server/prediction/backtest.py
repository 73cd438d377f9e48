"""What would Sereno have said? Runs exactly the production code over files, in one pass, row by row."""

import contextlib
import csv
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from sereno_proto.errors import BadInput, SerenoError
from sereno_server.prediction.anomaly import Anomaly
from sereno_server.prediction.columns import Floats
from sereno_server.prediction.exhaustion import Exhaustion
from sereno_server.prediction.templates import Miner

HEADER = ["timestamp", "value", "score", "alarm", "full_at"]
METRIC_WORDS = 3  # metrics IN OUT


@dataclass(frozen=True)
class Recording:
    """One metric of one file. stamps, texts: the row's own words; capacity: NaN where there is none."""

    name: str
    stamps: list[str]
    texts: list[str]
    at: Floats
    value: Floats
    capacity: Floats


def backtest_metrics(in_dir: Path, out_dir: Path) -> int:
    """Replays every *.csv of in_dir (timestamp,value[,capacity]) and writes a file of the same name to out_dir.

    Gives the number of rows. Raises E_BACKTEST_INPUT. Files are independent: each is a series of its own.
    """
    recordings = [read_recording(path) for path in sorted(in_dir.glob("*.csv"))]
    if not recordings:
        raise BadInput("E_BACKTEST_INPUT", f"{in_dir}: no *.csv file there")
    with _written(out_dir):
        out_dir.mkdir(parents=True, exist_ok=True)
    score, alarm, full_at = _replay(recordings)
    for place, recording in enumerate(recordings):
        with _written(out_dir / recording.name):
            _write(out_dir / recording.name, recording, score[place], alarm[place], full_at[place])
    return sum(len(recording.at) for recording in recordings)


def backtest_logs(in_file: Path, out_file: Path) -> int:
    """Writes one template id a line for every line of in_file. Gives the number of lines. Raises E_BACKTEST_INPUT."""
    try:
        text = in_file.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise BadInput("E_BACKTEST_INPUT", f"{in_file}: {error.strerror}") from error
    lines = text.removesuffix("\n").split("\n") if text else []
    miner = Miner()
    ids = [miner.learn(line) for line in lines]
    with _written(out_file):
        out_file.write_text("".join(f"{miner.canonical(number)}\n" for number in ids), encoding="utf-8")
    return len(lines)


@contextlib.contextmanager
def _written(path: Path) -> Iterator[None]:
    """Turns what goes wrong while writing there into one error."""
    try:
        yield
    except OSError as error:
        what = f"{path} cannot be written: {error.strerror}"
        raise BadInput("E_BACKTEST_INPUT", what, "choose another place") from error


def read_recording(path: Path) -> Recording:
    """Reads one file. Raises E_BACKTEST_INPUT naming file and line."""
    stamps: list[str] = []
    texts: list[str] = []
    limits: list[str] = []
    line = 1
    try:
        with path.open(newline="", encoding="utf-8") as handle:
            rows = csv.reader(handle)
            header = [cell.strip() for cell in next(rows, [])]
            if header not in (HEADER[:2], [*HEADER[:2], "capacity"]):
                raise BadInput(
                    "E_BACKTEST_INPUT", f"{path}: the header is not timestamp,value or timestamp,value,capacity"
                )
            for row in rows:
                line += 1
                stamps.append(row[0])
                texts.append(row[1])
                limits.append(row[2] if len(header) > 2 else "nan")  # noqa: PLR2004 (the third column)
        line = 0
        at = np.array([epoch_seconds(stamp) for stamp in stamps])
        return Recording(path.name, stamps, texts, at, np.array(texts, float), np.array(limits, float))
    except (ValueError, IndexError, OSError, csv.Error) as error:
        where = f"{path} line {line}" if line else str(path)
        raise BadInput("E_BACKTEST_INPUT", f"{where}: {error}") from error


def epoch_seconds(text: str) -> float:
    """Epoch seconds from a number or from ISO-8601 (no zone = UTC)."""
    try:
        return float(text)
    except ValueError:
        stamp = datetime.fromisoformat(text.strip())
        return (stamp if stamp.tzinfo else stamp.replace(tzinfo=UTC)).timestamp()


def _replay(recordings: Sequence[Recording]) -> tuple[Floats, Floats, Floats]:
    """Score, alarm and full_at: a row a recording, padded to the longest."""
    size = len(recordings)
    lengths = np.array([len(recording.at) for recording in recordings])
    shape = (size, int(lengths.max()))
    at, value, capacity = (np.full(shape, np.nan) for _ in range(3))
    for place, recording in enumerate(recordings):
        at[place, : lengths[place]] = recording.at
        value[place, : lengths[place]] = recording.value
        capacity[place, : lengths[place]] = recording.capacity
    exhaustion, anomaly = Exhaustion(size), Anomaly(size)
    bounded = ~np.isnan(capacity).all(axis=1)
    score, alarm, full_at = np.zeros(shape), np.zeros(shape), np.full(shape, np.nan)
    for step in range(shape[1]):
        rows = np.nonzero(lengths > step)[0]
        score[rows, step], alarm[rows, step] = anomaly.observe(rows, at[rows, step], value[rows, step])
        rows = rows[bounded[rows]]
        if len(rows):
            answer = exhaustion.observe(rows, at[rows, step], value[rows, step], capacity[rows, step])
            full_at[rows, step] = answer.full_at
    return score, alarm, full_at


def _write(path: Path, recording: Recording, score: Floats, alarm: Floats, full_at: Floats) -> None:
    with path.open("w", newline="", encoding="utf-8") as handle:
        out = csv.writer(handle, lineterminator="\n")
        out.writerow(HEADER)
        for place, (stamp, text) in enumerate(zip(recording.stamps, recording.texts, strict=True)):
            when = "" if math.isnan(full_at[place]) else f"{full_at[place]:.0f}"
            out.writerow([stamp, text, f"{score[place]:.10g}", int(alarm[place]), when])


def main(words: Sequence[str]) -> int:
    """`python -m sereno_server.prediction.backtest [backtest] metrics|logs IN OUT`: the same without the CLI."""
    words = words[1:] if words[:1] == ["backtest"] else words
    if len(words) != METRIC_WORDS or words[0] not in ("metrics", "logs"):
        sys.stderr.write("usage: backtest metrics IN_DIR OUT_DIR | backtest logs IN_FILE OUT_FILE\n")
        return 2
    try:
        run = backtest_metrics if words[0] == "metrics" else backtest_logs
        count = run(Path(words[1]), Path(words[2]))
    except SerenoError as error:
        sys.stderr.write(error.line() + "\n")
        return 1
    sys.stdout.write(f"{count} rows\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
