"""Nobody is called for a week in which nothing is wrong; a device beside them that breaks calls somebody each time."""

import asyncio

import numpy as np
import pytest
from tests.server.quiet import device
from tests.server.quiet.house import House
from tests.server.quiet.lines import ERROR, Lines, spoken

from sereno_server.store.engine import Store

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]  # a minute of processor time
HOUR, DAY = 3600.0, 86_400.0


def nights(week, rng):
    """A backup every night, of another length each, and on the last one three times as long."""
    for day in range(7):
        device.backup(week, day * DAY + 2 * HOUR + rng.uniform(0, 300), 60 if day == 6 else rng.uniform(18, 25), rng)


def altered(week, rng):
    """An upgrade of packages with its restart, and two more restarts, one at night."""
    device.upgrade(week, 4 * DAY + 14 * HOUR, rng)
    device.reboot(week, 4 * DAY + 15 * HOUR, rng)
    device.reboot(week, 5.1 * DAY, rng)
    device.reboot(week, 5.4 * DAY + 11 * HOUR, rng)


def calm(seed):
    """By name: a quiet device, one with a backup every night, one that is upgraded and restarted."""
    made = {name: device.quiet(seed * 10 + place) for place, name in enumerate(("quiet", "nights", "altered"))}
    rng = np.random.default_rng(seed)
    nights(made["nights"], rng)
    altered(made["altered"], rng)
    return made


def broken(seed, rng):
    """A device on which one thing after the other goes wrong, and its lines."""
    week = device.quiet(seed * 10 + 5)
    device.becomes(week, 3.2 * DAY, 3, "disk_smart_raw", attribute="pending_sectors", disk="sda")
    device.becomes(week, 3.4 * DAY, 0, "service_active", service="web")
    device.runs_away(week, 4.55 * DAY, 4.65 * DAY, rng)
    device.fill(week, 5 * DAY, 5.8 * DAY)
    lines = spoken(week, rng)
    for place in range(30):
        lines.say(6 * DAY + 60 * place, "app", ERROR, "table orders is marked as crashed, {n} rows lost")
    return week, Lines(lines.made)


def test_weeks_without_a_fault_call_nobody_and_every_fault_does(database_url):
    async def story():
        rng = np.random.default_rng(1)
        made = calm(1)
        lines = {name: Lines(spoken(week, rng).made) for name, week in made.items()}
        made["broken"], lines["broken"] = broken(1, rng)
        store = Store(database_url)  # pooled: thousands of transactions
        house = House(store, made, lines=lines)
        await house.live()
        said, called = await house.said(), set(await house.tickets())
        await store.close()
        assert [one for one in said if one[0] != "broken"] == []
        assert called == {"broken"}
        kinds = {kind for _, kind, _, _ in said}
        assert kinds == {"disk_pending_sectors", "service_down", "anomaly", "exhaustion", "log_new"}

    asyncio.run(story())
