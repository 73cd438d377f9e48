"""A week of a device, made from twenty minutes of a real one.

`recorded.npz` is what the real agent sent of the machine that this was built on, while tests ran on it (`record.py`).
A week is made of it so: stretches of two minutes are drawn at random, the same for all series, so that what moves
together goes on doing so; what exceeds a series' least value follows the hours of work; counters add up what they rose;
what only ages ages. What that machine lacks (disks' SMART, sensors, RAID, services, certificates, ECC, a journal) is
composed, in order, with noise.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

PATH = Path(__file__).with_name("recorded.npz")
STEP_S = 60
DAY = 86_400 // STEP_S
STRETCH = 8  # recorded steps of 15 s
RECORDED_S = 15
GIB = 2.0**30
WORKS = (  # what work shows in
    *("cpu_seconds", "cpu_used", "cpu_core", "load", "pressure", "context_switches", "processes_forked"),
    *("disk_read", "disk_writ", "disk_write", "disk_busy", "disk_waited", "disk_await", "disk_queue", "disk_in_flight"),
    *("network_received_b", "network_received_p", "network_sent_b", "network_sent_p", "tcp_segments", "sockets_used"),
)

COMING_AND_GOING = ("process_", "port_listening")  # one series a program, a port


@dataclass
class Week:
    """values: a column a series, a row a minute; NaN = not measured. at_s: seconds from the start."""

    names: list[tuple[str, dict[str, str], str]]
    values: np.ndarray
    at_s: np.ndarray
    upgrades_s: list[float] = field(default_factory=list)
    reboots_s: list[float] = field(default_factory=list)
    backups_s: list[float] = field(default_factory=list)

    @property
    def happens_s(self):
        """When it is worth looking closely."""
        return [*self.upgrades_s, *self.reboots_s, *self.backups_s[-3:]]

    def index(self, name, **labels):
        """The columns of a series by its name and some of its labels."""
        return [
            place
            for place, (known, has, _) in enumerate(self.names)
            if known == name and all(has.get(key) == value for key, value in labels.items())
        ]

    def when(self, begin_s, end_s):
        return (self.at_s >= begin_s) & (self.at_s < end_s)


def quiet(seed, days=7):
    """A week on which nothing happens but work."""
    rng = np.random.default_rng(seed)
    with np.load(PATH) as kept:
        names = [tuple(one) for one in json.loads(kept["names"].tobytes())]
        recorded = kept["values"]
    steps = days * DAY
    at_s = np.arange(steps) * float(STEP_S)
    hour = at_s / 3600 % 24
    busy = 0.6 + 0.8 * np.exp(-(((hour - 13) / 4) ** 2)) * np.where(at_s // 86_400 % 7 >= 5, 0.3, 1.0)
    drawn = _drawn(rng, recorded.shape[1], steps)
    values = np.full((steps, len(names)), np.nan)
    for place, (name, _, kind) in enumerate(names):
        row = _filled(recorded[place])
        if name in {"uptime_seconds", "updates_lists_age_seconds", "scheduled_job_age_seconds"}:
            values[:, place] = row[0] + at_s
        elif kind == "counter":
            rises = np.maximum(np.diff(row, prepend=row[0]), 0.0)
            values[:, place] = row[0] + np.cumsum(rises[drawn].sum(axis=1) * busy)
        else:
            values[:, place] = _gauge(name, row, drawn[:, -1], busy * rng.lognormal(0, 0.05, steps), at_s)
            if name.startswith(COMING_AND_GOING):
                values[~_there(recorded[place])[drawn[:, -1]], place] = np.nan
    week = Week(list(names), values, at_s)
    _compose(week, rng)
    return week


def _drawn(rng, recorded, steps):
    """For each minute the recorded steps that it is made of."""
    inside = STRETCH * RECORDED_S // STEP_S  # minutes of a stretch
    starts = rng.integers(1, recorded - STRETCH, -(-steps // inside))
    within = np.arange(STRETCH).reshape(inside, -1)
    return (starts[:, None, None] + within[None]).reshape(-1, STRETCH // inside)[:steps]


def _filled(row):
    """The last value where nothing was measured: slow collectors measure every few minutes."""
    known = np.where(np.isfinite(row), np.arange(len(row)), -1)
    place = np.maximum.accumulate(known)
    first = int(np.argmax(known >= 0))
    return row[np.where(place < 0, first, place)]


def _there(row):
    """Whether it was measured within the last minute, at each recorded step."""
    known = np.isfinite(row)
    return np.convolve(known, np.ones(60 // RECORDED_S))[: len(row)] > 0


def _gauge(name, row, drawn, busy, at_s):
    least, most = row.min(), row.max()
    if most == least:
        return np.full(len(at_s), least)
    if name in {"filesystem_used_bytes", "filesystem_inodes_used"}:
        grown = least * (0.002 * at_s / 86_400 + 0.004 * (at_s % 86_400) / 86_400)  # logs, rotated every night
        return least + grown + (row[drawn] - least) * 0.5
    shaped = least + (row[drawn] - least) * busy
    return np.minimum(shaped, 1.0) if name.endswith("_ratio") and most <= 1 else shaped


def _compose(week, rng):
    steps = len(week.at_s)
    daily = 3 * np.sin((week.at_s / 3600 - 9) / 24 * 2 * np.pi)

    def add(name, value, kind="gauge", **labels):
        week.names.append((name, labels, kind))
        column = np.broadcast_to(np.asarray(value, float), (steps,))
        week.values = np.column_stack([week.values, column])

    for disk in ("sda", "sdb"):
        add("disk_healthy", 1, disk=disk)
        add("disk_temperature_celsius", np.round(36 + daily + rng.normal(0, 0.6, steps)), disk=disk)
        add("disk_power_on_hours", np.floor(20_000 + week.at_s / 3600), disk=disk)
        for attribute, value in (("reallocated_sectors", 8), ("pending_sectors", 0), ("command_timeouts", 3)):
            add("disk_smart_raw", value, disk=disk, attribute=attribute)
        for attribute in ("uncorrectable_reported", "uncorrectable_offline"):
            add("disk_smart_raw", 0, disk=disk, attribute=attribute)
    add("disk_spare_ratio", 1.0, disk="nvme0")
    add("disk_spare_threshold_ratio", 0.1, disk="nvme0")
    add("disk_media_errors", 0, disk="nvme0")
    add("disk_critical_warning", 0, disk="nvme0")
    add("disk_wear_used_ratio", np.floor(7 + week.at_s / (5 * 86_400)) / 100, disk="nvme0")
    add("disk_wear_whole_ratio", 1, disk="nvme0")
    for core in range(4):
        add("temperature_celsius", 52 + daily + rng.gamma(2, 3, steps), chip="coretemp", sensor=f"Core {core}")
        add("temperature_critical_celsius", 100, chip="coretemp", sensor=f"Core {core}")
    add("cpu_throttled_seconds", np.cumsum(rng.random(steps) < 0.001) * 0.2, "counter")
    add("memory_errors_corrected", np.cumsum(rng.random(steps) < 2 / steps), "counter", module="mc0/0")
    add("memory_errors_uncorrected", 0, "counter", module="mc0/0")
    add("raid_degraded", 0, array="md0")
    add("raid_active", 1, array="md0")
    add("services_failed", 0)
    add("services_active", 61)
    for service in ("web", "database"):
        add("service_active", 1, service=service)
        add("service_restarts", 0, "counter", service=service)
        add("service_memory_bytes", 3e8 * (1 + 0.05 * rng.random(steps)), service=service)
    add("clock_source_offset_seconds", rng.normal(0, 2e-4, steps), source="chrony")
    left = 60 * 86_400 - week.at_s
    add("certificate_left_seconds", left, certificate="shop")
    add("certificate_grace_used_seconds", np.maximum(0, 18 * 86_400 - left), certificate="shop")
    add("certificate_grace_seconds", 18 * 86_400, certificate="shop")
    add("battery_health_ratio", 0.83, battery="BAT0")


def reboot(week, at_s, rng):
    """Three minutes away, counters from nothing, a start that keeps it busy for five minutes."""
    away = week.when(at_s, at_s + 180)
    after = week.when(at_s + 180, np.inf)
    first = int(np.argmax(after))
    for place, (name, _, kind) in enumerate(week.names):
        column = week.values[:, place]
        if name == "uptime_seconds":
            column[after] = 20 + week.at_s[after] - week.at_s[first]
        elif name == "boot_time_seconds":
            column[after] += at_s
        elif kind == "counter" and name != "disk_media_errors":
            column[after] -= column[first] * (1 - 1e-3 * rng.random())
        elif name in {"memory_used_bytes", "memory_anonymous_bytes"}:
            warm = 1 - 0.6 * np.exp(-(week.at_s[after] - at_s) / 3600)
            column[after] *= warm
    _load(week, at_s + 180, at_s + 480, rng, 3.0)
    starting = week.when(at_s + 180, at_s + 300)
    week.values[np.ix_(starting, week.index("service_active"))] = 0
    week.values[away] = np.nan
    week.reboots_s.append(at_s)


def backup(week, at_s, minutes, rng):
    """Reads everything, packs it into a file of a tenth of the free room, sends it away and removes it."""
    end_s = at_s + 60 * minutes
    _load(week, at_s, end_s, rng, 12.0)
    on = week.when(at_s, end_s)
    for used in week.index("filesystem_used_bytes"):
        labels = week.names[used][1]
        size = week.values[0, week.index("filesystem_size_bytes", **labels)[0]]
        room = size - week.values[on, used].max()
        week.values[on, used] += 0.1 * room * np.linspace(0, 1, on.sum())
    week.backups_s.append(at_s)


def upgrade(week, at_s, rng):
    """A quarter of an hour of unpacking; services are restarted once; what is unpacked stays, the packages go."""
    _load(week, at_s, at_s + 900, rng, 5.0)
    on, after = week.when(at_s, at_s + 900), week.when(at_s, np.inf)
    for used in week.index("filesystem_used_bytes", mount="/"):
        week.values[on, used] += 0.8 * GIB * np.linspace(0, 1, on.sum())
        week.values[week.when(at_s + 900, np.inf), used] += 0.2 * GIB
    week.values[np.ix_(week.when(at_s + 600, at_s + 660), week.index("service_active"))] = 0
    week.values[np.ix_(after, week.index("service_restarts"))] += 1
    for place in week.index("reboot_required"):
        week.values[week.when(at_s + 600, np.inf), place] = 1
    for place in week.index("processes_total"):
        week.values[on, place] += rng.integers(3, 12, on.sum())
    week.upgrades_s.append(at_s)


def _load(week, begin_s, end_s, rng, times):
    """Everything that work shows in is so many times as much."""
    on = week.when(begin_s, end_s)
    later = week.when(end_s, np.inf)
    for place, (name, _, kind) in enumerate(week.names):
        if not name.startswith(WORKS):
            continue
        column = week.values[:, place]
        if kind == "counter":
            usual = np.nanmedian(np.diff(column))
            more = np.cumsum(usual * times * rng.lognormal(0, 0.3, on.sum()))
            column[on] += more
            column[later] += more[-1]
        else:
            ceiling = 1.0 if name.endswith("_ratio") else np.inf
            raised = column[on] + np.nanmedian(column) * times * rng.lognormal(0, 0.3, on.sum())
            column[on] = np.minimum(raised, ceiling)


def fill(week, begin_s, end_s):
    """The root file system runs full between these two moments."""
    on, after = week.when(begin_s, end_s), week.when(end_s, np.inf)
    (used,), (size,) = week.index("filesystem_used_bytes", mount="/"), week.index("filesystem_size_bytes", mount="/")
    room = week.values[on, size] - week.values[on, used]
    week.values[on, used] += room * np.linspace(0, 1, on.sum())
    week.values[after, used] = week.values[after, size]


def becomes(week, at_s, value, name, **labels):
    """A series has another value from then on."""
    week.values[np.ix_(week.when(at_s, np.inf), week.index(name, **labels))] = value


def runs_away(week, begin_s, end_s, rng):
    """Something takes all that there is, unlike ever before."""
    _load(week, begin_s, end_s, rng, 40.0)
