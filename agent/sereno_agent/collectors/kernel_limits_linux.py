"""What the kernel gives out in numbers: open files, process ids, entropy, and how much of each is in use.

Each thread takes a process id. Where the kernel sets no bound on open files there is no limit series.
"""

from typing import Final

from sereno_agent.reading import Collect, Reading, Surroundings

_UNBOUNDED: Final = 1 << 40  # newer kernels say 2^63 - 1
_FIELDS: Final = 3


def make(surroundings: Surroundings) -> Collect:
    host = surroundings.host

    def collect(reading: Reading) -> None:
        files = host.line("/proc/sys/fs/file-nr").split()
        if len(files) == _FIELDS:
            reading.gauge("file_descriptors_used", int(files[0]))
            if int(files[2]) < _UNBOUNDED:
                reading.gauge("file_descriptors_limit", int(files[2]))
        tasks = host.line("/proc/loadavg").split()
        limits = [host.integer(f"/proc/sys/kernel/{name}") for name in ("pid_max", "threads-max")]
        if len(tasks) > _FIELDS:
            reading.gauge("process_ids_used", int(tasks[3].partition("/")[2]))
        if known := [limit for limit in limits if limit]:
            reading.gauge("process_ids_limit", min(known))
        entropy = host.integer("/proc/sys/kernel/random/entropy_avail")
        if entropy is not None:
            reading.gauge("entropy_bits", entropy)

    return collect
