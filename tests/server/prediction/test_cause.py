from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

from sereno_server.prediction.cause import rank

ONSET = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Change:
    id: str
    kind: str
    at: datetime
    object: str = ""
    name: str = ""
    siblings: int = 0
    siblings_in_trouble: int = 0
    others: int = 0
    others_in_trouble: int = 0
    own: bool = True


def change(seconds_before, kind="file", name=None):
    return Change(name or f"chg_{seconds_before}", kind, ONSET - timedelta(seconds=seconds_before))


def test_the_change_just_before_the_onset_comes_first():
    found = rank(ONSET, [change(4000), change(3), change(90_000)], ONSET + timedelta(seconds=40))
    assert [cause.change_id for cause in found] == ["chg_3"]
    assert found[0].why == "changed 3 s before it began"


def test_a_slow_growth_looks_back_further():
    found = rank(ONSET, [change(3600)], ONSET + timedelta(days=2))
    assert found[0].change_id == "chg_3600"
    assert found[0].why == "changed 1 h before it began"


def test_nothing_is_named_when_nothing_fits():
    assert rank(ONSET, [], ONSET + timedelta(hours=1)) == []
    assert rank(ONSET, [change(86_400)], ONSET + timedelta(minutes=5)) == []
    assert rank(ONSET, [change(-1800)], ONSET + timedelta(hours=1)) == []


def test_a_device_that_changes_all_the_time_has_no_cause_by_coincidence():
    busy = [change(300 + 600 * k) for k in range(1000)]
    assert rank(ONSET, busy, ONSET + timedelta(hours=6)) == []


def test_the_sentence_suits_the_time_and_the_kind():
    def said(seconds_before, kind="file", lasted_s=60):
        return rank(ONSET, [change(seconds_before, kind)], ONSET + timedelta(seconds=lasted_s))[0].why

    assert said(0) == "changed just as it began"
    assert said(-5) == "changed 5 s after the first signs"
    assert said(40) == "changed 40 s before it began"
    assert said(300, "package", 3600) == "was installed or removed 5 min before it began"
    assert said(12_000, "reboot", 86_400) == "happened 3 h 20 min before it began"


def test_what_siblings_with_the_same_change_tell_is_weighed_and_said():
    def weight(**more):
        found = rank(ONSET, [Change("a", "package", ONSET - timedelta(hours=2), **more)], ONSET + timedelta(hours=8))
        return found[0] if found else None

    alone, well, troubled = weight(), weight(siblings=3), weight(siblings=3, siblings_in_trouble=2)
    assert troubled.weight > alone.weight
    assert troubled.why.endswith("; 2 other devices with the same change have the same trouble")
    assert well is None or (well.weight < alone.weight and well.why.endswith("with the same change are well"))
    rolled_out = rank(
        ONSET,
        [Change("b", "package", ONSET - timedelta(minutes=5), siblings=4, siblings_in_trouble=1, own=False)],
        ONSET + timedelta(hours=2),
    )
    assert rolled_out[0].why.startswith("reached 4 other devices like this one 5 min before it began")


def test_a_restart_that_follows_an_edit_is_not_the_cause_of_what_the_edit_began():
    edit, restart = change(60, "file", "edit"), change(20, "service", "restart")
    found = rank(ONSET, [edit, restart], ONSET + timedelta(hours=1))
    assert found[0].change_id == "edit"


def test_a_change_with_the_name_of_the_trouble_weighs_more():
    named = Change("a", "package", ONSET - timedelta(hours=2), object="postgresql-16")
    (plain,) = rank(ONSET, [named], ONSET + timedelta(hours=2), "filesystem /var")
    (kin,) = rank(ONSET, [named], ONSET + timedelta(hours=2), "filesystem /var/lib/postgresql")
    assert kin.weight > plain.weight


def test_seeded_coincidences_are_seldom_named():
    random, silent = Random(7), 0
    for _ in range(300):
        lasted = timedelta(seconds=10 ** random.uniform(1.7, 5))
        kinds = ["file", "package", "user"]
        noise = [change(random.uniform(-86_400, 7 * 86_400), random.choice(kinds)) for _ in range(8)]
        silent += not rank(ONSET, noise, ONSET + lasted)
    assert silent >= 270


def test_an_edit_beats_a_login_of_the_same_moment():
    found = rank(ONSET, [change(300, "sshkey", "key"), change(310, "file", "edit")], ONSET + timedelta(hours=2))
    assert [cause.change_id for cause in found][:1] == ["edit"]


def test_a_package_outranks_the_port_that_it_opened():
    found = rank(ONSET, [change(20, "port", "port"), change(25, "package", "package")], ONSET + timedelta(minutes=30))
    assert found[0].change_id == "package"


def test_a_service_that_failed_and_a_cron_entry_are_causes():
    for kind in ("service", "cron", "tree", "sysctl", "mount", "unit", "environment"):
        assert rank(ONSET, [change(30, kind)], ONSET + timedelta(hours=1))[0].weight > 0.8


def test_ports_that_come_and_go_do_not_hide_an_edited_file():
    noise = [change(300 + 600 * k, "port") for k in range(1000)]
    found = rank(ONSET, [*noise, change(30, name="edit")], ONSET + timedelta(hours=6))
    assert found[0].change_id == "edit"


def test_of_a_rollout_the_devices_that_did_not_get_it_tell_too():
    """Those with the package fill up, those without do not: the package, although something else changed later."""
    package = {"object": "logger", "siblings": 4, "siblings_in_trouble": 3, "others": 20}
    spread = Change("package", "package", ONSET - timedelta(hours=5), **package)
    found = rank(ONSET, [spread, change(600, "file", "edit")], ONSET + timedelta(hours=6))
    assert found[0].change_id == "package"
    assert found[0].why.endswith(
        "3 other devices with the same change have the same trouble, 20 other devices without it do not"
    )
    everybody = Change("package", "package", ONSET - timedelta(hours=5), **package, others_in_trouble=18)
    found = rank(ONSET, [everybody, change(600, "file", "edit")], ONSET + timedelta(hours=6))
    assert found[0].change_id == "edit"


def test_an_address_is_a_cause_of_what_the_network_does_and_seldom_of_a_full_disk():
    moved = change(60, "address", "lease")
    lasted = ONSET + timedelta(minutes=2)
    assert rank(ONSET, [moved], lasted, "network_errors interface eth0")
    weights = [
        rank(ONSET, [moved, change(60, "file", "edit")], lasted, about)[0].change_id
        for about in ("filesystem /var", "memory")
    ]
    assert weights == ["edit", "edit"]


def test_a_sudden_trouble_looks_back_an_hour_however_short_it_has_lasted():
    """A ticket opens within minutes of a service that fails, and the edit behind it may be half an hour old."""
    found = rank(ONSET, [change(1800)], ONSET + timedelta(seconds=30), slack_s=300.0)
    assert found[0].change_id == "chg_1800"


def test_a_restart_of_the_machine_and_a_new_user_are_causes():
    for kind in ("reboot", "user"):
        assert rank(ONSET, [change(600, kind)], ONSET + timedelta(hours=3))[0].weight > 0.5
