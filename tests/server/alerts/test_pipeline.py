"""The alert path, stage by stage and as a whole, as pure functions of a situation."""

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sereno_proto import limits
from sereno_server.alerts.pipeline import STAGES, decide
from sereno_server.alerts.signal import Signal
from sereno_server.alerts.situation import Device, Firing, Forecast, KnownTicket, Notice, Situation, Window
from sereno_server.alerts.stages.open_ticket import priority

NOW = datetime(2026, 11, 21, 3, 12, tzinfo=UTC)


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def device(name: str = "web-1", **fields: Any) -> Device:
    return Device(**{"id": f"dev_{name}", "name": name, "last_seen": ago(1), "connected": False, **fields})


def forecast(device_id: str = "dev_web-1", **fields: Any) -> Forecast:
    given = {
        "id": f"fct_{device_id}",
        "device_id": device_id,
        "resource": "folder",
        "object": "app-logs",
        "made_at": ago(5),
        "updated_at": ago(1),
        "full_at": NOW + timedelta(hours=4, minutes=28),
        "confidence": 0.9,
        "value": 40e6,
        "capacity": 60e6,
        "growth_per_s": 1000.0,
    }
    return Forecast(**{**given, **fields})


def situation(*devices: Device, **fields: Any) -> Situation:
    known = {each.id: each for each in devices or (device(),)}
    return Situation(**{"now": NOW, "up_since": ago(86400), "devices": known, **fields})


def firing(signal: Signal, **fields: Any) -> Firing:
    given = {
        "id": "alr_1",
        "fingerprint": signal.fingerprint,
        "device_id": signal.device_id,
        "kind": signal.kind,
        "resource": signal.resource,
        "object": signal.object,
        "severity": signal.severity,
        "title": signal.title,
        "opened_at": ago(600),
        "last_at": ago(30),
        "ticket_id": "tkt_1",
        "forecast_id": signal.forecast_id,
        "growth_per_s": signal.figures.get("growth_per_s", 0.0),
    }
    return Firing(**{**given, **fields})


def known_ticket(fingerprint: str, **fields: Any) -> KnownTicket:
    given = {"id": "tkt_1", "device_id": "dev_web-1", "title": "a case", "priority": 2, "open": True}
    return KnownTicket(**{**given, "fingerprint": fingerprint, **fields})


def fires_already(seen: Situation, **fields: Any) -> Situation:
    """The situation after its one signal opened a ticket."""
    [signal] = decide(seen)
    owner = known_ticket(signal.fingerprint)
    return replace(seen, firing={signal.fingerprint: firing(signal, **fields)}, tickets={signal.fingerprint: owner})


def test_the_stages_are_one_list_in_this_order() -> None:
    names = ["validate", "suppress", "stabilise", "deduplicate", "correlate", "open_ticket", "notify"]
    assert [stage.__name__ for stage in STAGES] == names


def test_an_open_forecast_becomes_one_ticket() -> None:
    [signal] = decide(situation(forecasts=(forecast(),)))
    assert signal.case is not None
    assert (signal.case.ticket_id, signal.case.title) == (None, "Folder app-logs runs full")
    assert signal.note == "Folder app-logs will be full in 4 h 28 min"


@pytest.mark.parametrize(
    "fields",
    [
        {"value": math.nan},
        {"capacity": math.inf},
        {"capacity": 0.0},
        {"growth_per_s": math.nan},
        {"growth_per_s": -5.0},
        {"growth_per_s": 0.0},
        {"value": -1.0},
        {"confidence": math.nan},
        {"confidence": 1.5},
        {"full_at": ago(7200)},
        {"made_at": NOW + timedelta(days=1), "updated_at": ago(7200)},
        {"updated_at": ago(7200)},
    ],
    ids=str,
)
def test_figures_that_cannot_be_never_alert(fields: dict[str, Any]) -> None:
    assert decide(situation(forecasts=(forecast(**fields),))) == []


def test_figures_that_cannot_be_do_not_clear_what_fires() -> None:
    seen = fires_already(situation(forecasts=(forecast(),)))
    assert decide(replace(seen, forecasts=(forecast(value=math.nan),))) == []


def test_a_skewed_clock_does_not_move_the_forecast() -> None:
    skewed = device(clock_offset_ms=7_200_000)  # the device believes that it is two hours later
    [signal] = decide(situation(skewed, forecasts=(forecast(full_at=NOW + timedelta(hours=3)),)))
    assert signal.figures["left_s"] == 3600


def test_a_forecast_of_a_revoked_device_is_nobodys() -> None:
    assert decide(situation(forecasts=(forecast("dev_gone"),))) == []


def test_what_runs_full_next_week_is_watched_without_a_ticket() -> None:
    [signal] = decide(situation(forecasts=(forecast(full_at=NOW + timedelta(days=9)),)))
    assert (signal.severity, signal.case, signal.note) == ("watch", None, "")


@pytest.mark.parametrize(
    "window",
    [Window("dev_web-1", None, ago(60), NOW + timedelta(hours=1)), Window(None, "madrid", ago(60), NOW + timedelta(1))],
)
def test_maintenance_opens_nothing(window: Window) -> None:
    assert decide(situation(device(site="madrid"), forecasts=(forecast(),), windows=(window,))) == []


@pytest.mark.parametrize(
    "window",
    [
        Window("dev_other", None, ago(60), NOW + timedelta(hours=1)),
        Window(None, "lima", ago(60), NOW + timedelta(hours=1)),
        Window("dev_web-1", None, ago(60), ago(1)),
        Window("dev_web-1", None, NOW + timedelta(seconds=1), NOW + timedelta(hours=1)),
    ],
)
def test_maintenance_of_others_or_at_other_times_does_not_count(window: Window) -> None:
    assert decide(situation(device(site="madrid"), forecasts=(forecast(),), windows=(window,)))


def test_maintenance_does_not_clear_what_fires() -> None:
    seen = fires_already(situation(forecasts=(forecast(),)))
    window = Window(None, None, ago(60), NOW + timedelta(hours=1))
    assert not [signal for signal in decide(replace(seen, windows=(window,))) if signal.gone]


def test_a_silent_device_is_noticed_by_the_servers_clock() -> None:
    seen = situation(device(last_seen=ago(limits.DEVICE_SILENT_S + 30 + 1)))
    [signal] = decide(seen)
    assert (signal.kind, signal.severity) == ("silent", "soon")


def test_silence_shorter_than_the_limit_is_none() -> None:
    assert decide(situation(device(last_seen=ago(limits.DEVICE_SILENT_S - 1)))) == []
    assert decide(situation(device(last_seen=None))) == []


def test_an_open_stream_that_says_little_is_not_silent_and_one_that_says_nothing_is() -> None:
    assert decide(situation(device(last_seen=ago(300), connected=True))) == []
    assert decide(situation(device(last_seen=ago(3000), connected=True)))


def test_behind_a_silent_parent_only_the_parent_alerts() -> None:
    router = device("router", last_seen=ago(600))
    behind = [device(f"web-{n}", parent_id="dev_router", last_seen=ago(600)) for n in range(3)]
    assert [signal.device_id for signal in decide(situation(router, *behind))] == ["dev_router"]


def test_parents_in_a_circle_end() -> None:
    pair = [device("a", parent_id="dev_b", last_seen=ago(600)), device("b", parent_id="dev_a", last_seen=ago(600))]
    assert decide(situation(*pair)) == []


def test_a_server_outage_is_not_ten_thousand_dead_agents() -> None:
    fleet = [device(f"web-{n}", last_seen=ago(3600)) for n in range(10_000)]
    assert decide(situation(*fleet, up_since=ago(5))) == []
    assert decide(situation(*fleet, up_since=ago(limits.RECONNECT_DELAY_S_MAX + limits.DEVICE_SILENT_S - 1))) == []


def test_agents_that_stay_away_after_a_server_outage_are_noticed() -> None:
    assert decide(situation(device(last_seen=ago(3600)), up_since=ago(300)))


def test_a_silent_device_raises_nothing_else_new() -> None:
    seen = situation(device(last_seen=ago(600)), forecasts=(forecast(),))
    assert [signal.kind for signal in decide(seen)] == ["silent"]


def test_a_storm_is_one_ticket_with_one_line() -> None:
    fleet = [device(f"web-{n}", last_seen=ago(150 + n % 20)) for n in range(40)]
    signals = decide(situation(*fleet))
    assert len(signals) == 40
    assert {signal.case.fingerprint for signal in signals if signal.case} == {"storm:silent"}
    assert {signal.case.title for signal in signals if signal.case} == {"40 devices: silent since 03:09 UTC"}
    assert [signal.note for signal in signals if signal.note] == [signals[0].title + ", and 39 more"]


def storm_since(seconds: float) -> dict[str, Any]:
    """An open storm whose newest alert opened so long ago."""
    alert = firing(Signal("silent", "dev_web-9", "", "soon", "x", NOW), ticket_id="tkt_storm", opened_at=ago(seconds))
    return {
        "firing": {alert.fingerprint: alert},
        "tickets": {"storm:silent": known_ticket("storm:silent", id="tkt_storm")},
    }


def test_what_comes_late_joins_the_storm_while_it_goes_on() -> None:
    late = situation(device("late", last_seen=ago(150)), device("web-9", last_seen=ago(400)), **storm_since(300))
    assert {signal.case.ticket_id for signal in decide(late) if signal.case} == {"tkt_storm"}


def test_a_device_that_falls_silent_hours_after_a_storm_is_a_case_of_its_own() -> None:
    late = situation(device("late", last_seen=ago(150)), device("web-9", last_seen=ago(9000)), **storm_since(9000))
    [signal] = [signal for signal in decide(late) if signal.device_id == "dev_late"]
    assert signal.case is not None
    assert signal.case.ticket_id is None


def test_different_folders_that_fill_up_at_once_are_no_storm() -> None:
    fleet = [device(f"web-{n}") for n in range(8)]
    several = tuple(forecast(each.id, object=f"folder-{n}") for n, each in enumerate(fleet))
    assert len({signal.case.fingerprint for signal in decide(situation(*fleet, forecasts=several)) if signal.case}) == 8


def test_the_same_folder_that_fills_up_on_many_devices_is_one() -> None:
    fleet = [device(f"web-{n}") for n in range(8)]
    signals = decide(situation(*fleet, forecasts=tuple(forecast(each.id) for each in fleet)))
    titles = {signal.case.title for signal in signals if signal.case}
    assert titles == {"8 devices: Folder app-logs runs full since 03:11 UTC"}


def test_a_few_devices_are_a_ticket_each() -> None:
    signals = decide(situation(*(device(f"web-{n}", last_seen=ago(150)) for n in range(3))))
    assert len({signal.case.fingerprint for signal in signals if signal.case}) == 3


def test_devices_that_fell_silent_hours_apart_are_no_storm() -> None:
    signals = decide(situation(*(device(f"web-{n}", last_seen=ago(600 + 7200 * n)) for n in range(8))))
    assert len({signal.case.fingerprint for signal in signals if signal.case}) == 8


def test_a_folder_and_the_filesystem_around_it_are_one_ticket() -> None:
    inside = forecast()
    around = forecast(id="fct_fs", resource="filesystem", object="/var", capacity=9e9, growth_per_s=1100.0)
    signals = decide(situation(forecasts=(inside, around)))
    assert len({signal.case.fingerprint for signal in signals if signal.case}) == 1


def test_memory_that_grows_beside_a_folder_is_another_ticket() -> None:
    signals = decide(situation(forecasts=(forecast(), forecast(id="fct_m", resource="memory", object=""))))
    assert len({signal.case.fingerprint for signal in signals if signal.case}) == 2


def test_what_fires_already_is_renewed_and_not_told_again() -> None:
    [signal] = decide(fires_already(situation(forecasts=(forecast(),))))
    assert (signal.alert_id, signal.note) == ("alr_1", "")


def test_what_was_renewed_just_now_is_left_alone() -> None:
    assert decide(fires_already(situation(forecasts=(forecast(),)), last_at=ago(2))) == []


def test_getting_worse_is_told_once() -> None:
    seen = fires_already(situation(forecasts=(forecast(),)), last_at=ago(2))
    [signal] = decide(replace(seen, forecasts=(forecast(value=60e6),)))
    assert (signal.severity, signal.note) == ("failing", "Worse: Folder app-logs is full")


def test_a_closed_forecast_clears_its_alert() -> None:
    [signal] = decide(replace(fires_already(situation(forecasts=(forecast(),))), forecasts=()))
    assert (signal.gone, signal.alert_id) == (True, "alr_1")
    assert signal.note == "No longer: Folder app-logs runs full"


def test_what_flaps_must_stay_away_for_longer() -> None:
    seen = fires_already(situation(forecasts=(forecast(),)))
    flapping = replace(seen, forecasts=(), opened_lately=dict.fromkeys(seen.firing, 3))
    assert decide(flapping) == []
    later = NOW + timedelta(hours=1)
    heard = {"dev_web-1": device(last_seen=later)}
    assert [signal.gone for signal in decide(replace(flapping, now=later, devices=heard))] == [True]


def test_a_device_that_is_heard_again_clears_after_a_moment() -> None:
    seen = fires_already(situation(device(last_seen=ago(600))), last_at=ago(3))
    back = replace(seen, devices={"dev_web-1": device()})
    assert decide(back) == []
    assert decide(replace(back, now=NOW + timedelta(seconds=20), devices={"dev_web-1": device()}))[0].gone


def test_a_condition_that_comes_back_reopens_its_ticket() -> None:
    seen = situation(forecasts=(forecast(),))
    [signal] = decide(seen)
    [again] = decide(replace(seen, tickets={signal.fingerprint: known_ticket(signal.fingerprint, open=False)}))
    assert again.case is not None
    assert (again.case.ticket_id, again.case.reopened, again.note[:10]) == ("tkt_1", True, "Back again")


def test_a_ticket_that_a_person_closed_stays_closed_while_its_alert_goes_on() -> None:
    seen = fires_already(situation(forecasts=(forecast(),)))
    closed = {fingerprint: replace(owner, open=False) for fingerprint, owner in seen.tickets.items()}
    [signal] = decide(replace(seen, tickets=closed))
    assert signal.case is not None
    assert not signal.case.reopened


def test_a_late_notice_never_alerts() -> None:
    fresh = Notice("dev_web-1", "E_SPOOL_FULL", "the spool is full", ago(70))
    assert decide(situation(notices=(fresh,)))[0].case is not None
    assert decide(situation(notices=(replace(fresh, at=ago(7200)),))) == []
    assert decide(situation(notices=(replace(fresh, code="E_NONSENSE"),))) == []


def test_a_skewed_clock_is_watched() -> None:
    [signal] = decide(situation(notices=(Notice("dev_web-1", "E_CLOCK_SKEW", "the clock is 2 h ahead", ago(90)),)))
    assert (signal.kind, signal.severity, signal.case) == ("clock_skew", "watch", None)


@pytest.mark.parametrize(
    ("resource", "severity", "left_s", "devices", "expected"),
    [
        ("folder", "soon", 60.0, 1, 2),
        ("folder", "soon", 40_000.0, 1, 3),
        ("folder", "soon", 200_000.0, 1, 4),
        ("filesystem", "failing", -5.0, 1, 1),
        ("filesystem", "soon", 40_000.0, 1, 2),
        ("", "soon", None, 40, 1),
    ],
)
def test_priority_is_impact_times_urgency(
    resource: str, severity: str, left_s: float | None, devices: int, expected: int
) -> None:
    figures = {} if left_s is None else {"left_s": left_s}
    signal = Signal("exhaustion", "dev_web-1", "x", severity, "x", NOW, resource=resource, figures=figures)
    assert priority(signal, devices) == expected
