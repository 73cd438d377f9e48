import tempfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.server.prediction.shapes import noisy, quiet_then_ramp, sawtooth

from sereno_server.prediction.checkpoint import Checkpoint, load, save
from sereno_server.prediction.watch import Key, Stretch, Watch

pytestmark = pytest.mark.slow  # seconds of arithmetic

NOW = datetime(2026, 3, 1, tzinfo=UTC)
START = NOW.timestamp()
KEYS = [Key("org_a", "dev_a", 1), Key("org_a", "dev_b", 1), Key("org_b", "dev_c", 7)]


def fleet(seed):
    shapes = [quiet_then_ramp(60, 100), sawtooth(160, 20, 0.1, 0.5), np.full(160, 0.5)]
    return [noisy(shape[:160], seed=seed + place) * 1e12 for place, shape in enumerate(shapes)]


def feed(watch, values, start, end, step_s):
    at = START + np.arange(start, end) * step_s
    limit = np.full(end - start, 1e12)
    parts = [Stretch(key, at, value[start:end], limit) for key, value in zip(KEYS, values, strict=True)]
    watch.feed(part for part in parts if len(part.at))


def restarted(watch, path):
    save(path, Checkpoint(NOW, {}, {"exhaustion": watch.dump()}))
    kept = load(path)
    assert kept is not None
    other = Watch()
    other.load(dict(kept.parts["exhaustion"]))
    return other


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 100), st.integers(1, 159), st.sampled_from([1.0, 300.0, 3600.0]))
def test_after_a_restart_the_answers_are_the_same_to_the_last_digit(seed, cut, step_s):
    values, one, other = fleet(seed), Watch(), Watch()
    with tempfile.TemporaryDirectory() as folder:
        feed(one, values, 0, cut, step_s)
        feed(other, values, 0, cut, step_s)
        other = restarted(other, Path(folder) / "state")
    for end in (min(cut + 10, 160), 160):
        for watch in (one, other):
            feed(watch, values, cut, end, step_s)  # what was seen already is left out
        assert [one.outlook(key) for key in KEYS] == [other.outlook(key) for key in KEYS]
        assert one.said() == other.said()


def test_a_new_series_fits_in_after_a_restart(tmp_path):
    watch = Watch()
    feed(watch, fleet(1), 0, 50, 300.0)
    other = restarted(watch, tmp_path / "state")
    new = Key("org_c", "dev_d", 9)
    other.feed([Stretch(new, START + np.arange(5.0), np.full(5, 0.5), np.ones(5))])
    assert other.outlook(new) is not None
    assert other.outlook(KEYS[0]) == watch.outlook(KEYS[0])


@pytest.mark.parametrize("text", [b"", b"PK\x03\x04 cut short", b"\x00" * 300])
def test_a_damaged_file_is_as_good_as_none(tmp_path, text):
    (tmp_path / "state").write_bytes(text)
    assert load(tmp_path / "state") is None
    assert load(tmp_path / "absent") is None


def test_a_file_cut_short_is_as_good_as_none(tmp_path):
    watch = Watch()
    feed(watch, fleet(1), 0, 50, 300.0)
    path = tmp_path / "state"
    save(path, Checkpoint(NOW, {}, {"exhaustion": watch.dump()}))
    path.write_bytes(path.read_bytes()[:-100])
    assert load(path) is None


def test_columns_of_another_version_are_refused():
    watch = Watch()
    feed(watch, fleet(1), 0, 50, 300.0)
    kept = watch.dump()
    kept["0.confidence"] = kept["0.confidence"].astype(float)
    with pytest.raises(ValueError, match="confidence"):
        Watch().load(kept)
