"""A small application for the drill: it writes a log, and rotates it by itself while its configuration says so.

python -m sereno_server.demo.writer FOLDER CONFIG BYTES_PER_S
"""

import sys
import time
from pathlib import Path

LOG = "app.log"
ROTATE_BYTES = 1_000_000  # many turns within the quiet seconds, so that its saw-tooth is known before the change
KEEP = 2
STEP_S = 0.2
LINE = "{at} INFO order {number} accepted, basket written, receipt sent to the printer in the back office\n"


def rotates(config: Path) -> bool:
    """Whether the configuration says `rotate = on`."""
    try:
        return any(line.replace(" ", "").strip() == "rotate=on" for line in config.read_text().splitlines())
    except OSError:
        return False


def rotate(log: Path) -> None:
    """app.log becomes app.log.1, that one app.log.2; older ones go."""
    log.with_name(f"{LOG}.{KEEP}").unlink(missing_ok=True)
    for number in range(KEEP - 1, 0, -1):
        older = log.with_name(f"{LOG}.{number}")
        if older.exists():
            older.rename(log.with_name(f"{LOG}.{number + 1}"))
    log.rename(log.with_name(f"{LOG}.1"))


def settle(folder: Path) -> None:
    """Makes the older logs that an application which has run for long has: the folder is at its usual size at once."""
    for number in range(1, KEEP + 1):
        older = folder / f"{LOG}.{number}"
        if not older.exists():
            line = LINE.format(at="earlier", number=number)
            older.write_text(line * (ROTATE_BYTES // len(line)))


def step(folder: Path, config: Path, size: int, now_s: float) -> None:
    """Appends about so many bytes; the file is opened each time, so that whoever rotates it is not in the way."""
    log = folder / LOG
    if log.exists() and log.stat().st_size > ROTATE_BYTES and rotates(config):
        rotate(log)
    at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now_s))
    line = LINE.format(at=at, number=int(now_s * 1000))
    with log.open("a") as file:
        file.write(line * max(1, size // len(line)))


def main() -> None:
    """Writes until it is told to end."""
    folder, config, rate = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    settle(folder)
    while True:
        started = time.monotonic()
        step(folder, config, int(rate * STEP_S), time.time())
        time.sleep(max(0.0, STEP_S - (time.monotonic() - started)))


if __name__ == "__main__":
    main()
