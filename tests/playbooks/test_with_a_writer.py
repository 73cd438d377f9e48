"""The whole of disk.free_space's actions beside a real writer that goes on appending: no line may be lost."""

import gzip
import subprocess
import sys
import time

import pytest

pytestmark = pytest.mark.slow

# Appends numbered lines; while app.conf says `rotate = on` it rotates by itself and keeps two old logs.
WRITER = """
import os, sys, time
logs, conf = sys.argv[1:]
path = os.path.join(logs, "app.log")
number, rotate, looked = 0, False, 0.0
log = open(path, "ab", buffering=0)
print("ready", flush=True)
while True:
    for _ in range(200):
        log.write(b"line %09d of the application with some words that pack well\\n" % number)
        number += 1
    now = time.monotonic()
    if now - looked > 0.2:
        looked, rotate = now, "rotate = on" in open(conf).read()
    if rotate and os.fstat(log.fileno()).st_size > 500_000:
        log.close()
        for n in (2, 1):
            if os.path.exists(f"{path}.{n}"):
                os.replace(f"{path}.{n}", f"{path}.{n + 1}") if n < 2 else os.unlink(f"{path}.{n}")
        os.replace(path, f"{path}.1")
        log = open(path, "ab", buffering=0)
        print("rotated", flush=True)
    time.sleep(0.002)
"""


def numbers_of(content):
    return [int(line.split()[1]) for line in content.splitlines()]


@pytest.fixture
def writer(place):
    place.conf.write_bytes(b"rotate = off\n")
    command = [sys.executable, "-c", WRITER, str(place.logs), str(place.conf)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"ready\n"
        yield process
        process.kill()


def test_no_line_is_lost_and_the_application_goes_on(place, writer):
    place.policy(quota_bytes=50_000_000)
    on, _ = place.keep_versions(b"rotate = on\n", b"rotate = off\n")
    log = place.logs / "app.log"
    until = time.monotonic() + 20
    while log.stat().st_size < 3_000_000:
        assert time.monotonic() < until
        time.sleep(0.05)
    steps = [place.plan("rotate_logs"), place.plan("remove_old_files"), place.plan("restore_file", digest=on)]
    time.sleep(0.3)  # the log grows on while people read the plan
    place.apply(steps[0])
    (archive,) = place.logs.glob("app.log.*.gz")
    packed = numbers_of(gzip.decompress(archive.read_bytes()))
    assert packed == list(range(len(packed)))
    since = numbers_of(log.read_bytes())
    lost = since[0] - len(packed)
    assert lost <= 200, "only what came between the last read and the truncation may be lost"
    for step in steps[1:]:
        place.apply(step)
    assert writer.stdout.readline() == b"rotated\n"
    assert sum(path.stat().st_size for path in place.logs.iterdir()) < 3_000_000
    assert archive.exists()
