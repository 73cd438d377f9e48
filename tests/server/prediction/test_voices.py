"""What is new, too many or gone among log templates, and what is none of these."""

import json

from sereno_server.prediction.templates import Miner
from sereno_server.prediction.voices import HOUR_MS, Voice

START = 1_767_225_600_000 // HOUR_MS * HOUR_MS
DAY = 24
USUAL, BAD, OTHER = 1, 2, 3


def usual(hours=5 * DAY):
    """Five days in which one line comes every half hour and an error now and then."""
    voice = Voice()
    for half in range(2 * hours):
        at_ms = START + half * HOUR_MS // 2
        voice.hear(USUAL, at_ms, 6)
        if half % 31 == 0:
            voice.hear(BAD, at_ms, 3)
    return voice, START + hours * HOUR_MS


def test_an_error_never_heard_before_is_new_once_it_repeats():
    voice, now = usual()
    assert voice.found(now) == {"log_new": [], "log_burst": [], "log_vanished": []}
    voice.hear(OTHER, now, 3)
    assert voice.found(now)["log_new"] == []
    for _ in range(4):
        voice.hear(OTHER, now, 3)
    assert voice.found(now)["log_new"] == [OTHER]


def test_one_critical_line_is_enough_and_no_information_ever_is():
    voice, now = usual()
    voice.hear(OTHER, now, 2)
    for _ in range(40):
        voice.hear(OTHER + 1, now, 6)
    assert voice.found(now)["log_new"] == [OTHER]


def test_nothing_is_new_while_a_source_is_new():
    voice, now = usual(hours=48)
    for _ in range(40):
        voice.hear(OTHER, now, 2)
    assert not any(voice.found(now).values())


def test_a_known_error_bursts_when_it_comes_far_more_often_than_in_its_worst_hour():
    voice, now = usual()
    for place in range(49):
        voice.hear(BAD, now + place, 3)
    assert voice.found(now + 60)["log_burst"] == []
    for place in range(60):
        voice.hear(BAD, now + place, 3)
    assert voice.found(now + 60)["log_burst"] == [BAD]


def test_what_a_device_says_while_it_starts_is_no_news():
    voice, now = usual()
    for _ in range(90):
        voice.hear(OTHER, now, 2)
        voice.hear(BAD, now, 3)
    assert not any(voice.found(now + 60_000, started_ms=now - 1000).values())
    assert voice.found(now + 60_000)["log_new"] == [OTHER]


def test_what_came_every_hour_and_stops_is_gone_while_its_source_goes_on():
    voice, now = usual()
    assert voice.found(now + 7 * HOUR_MS)["log_vanished"] == []  # the source itself says nothing: it may be off
    for hour in range(8):
        voice.hear(OTHER, now + hour * HOUR_MS, 6)
    assert voice.found(now + 7 * HOUR_MS)["log_vanished"] == [USUAL]
    voice.hear(USUAL, now + 7 * HOUR_MS, 6)
    assert voice.found(now + 7 * HOUR_MS)["log_vanished"] == []


def test_late_lines_are_no_news():
    voice, now = usual()
    for _ in range(90):
        voice.hear(BAD, now - 9 * HOUR_MS, 3)
    assert not any(voice.found(now).values())


def test_voices_and_miners_go_through_a_checkpoint():
    voice, _ = usual()
    again = Voice.load(json.loads(json.dumps(voice.dump())))
    assert again == voice
    lines = [f"user {name} logged in from host {name}x port {port}" for port, name in enumerate("abcdefgh" * 4)]
    lines += [f"state of link {name} is down since boot" for name in "abcd"] * 3
    kept, whole = Miner(), Miner()
    for line in lines[: len(lines) // 2]:
        kept.learn(line)
    kept = Miner.load(json.loads(json.dumps(kept.dump())))
    before = [whole.learn(line) for line in lines[: len(lines) // 2]]
    for line in lines[len(lines) // 2 :]:
        assert kept.canonical(kept.learn(line)) == whole.canonical(whole.learn(line))
    assert [kept.canonical(number) for number in before] == [whole.canonical(number) for number in before]
    assert len(kept) == len(whole)
