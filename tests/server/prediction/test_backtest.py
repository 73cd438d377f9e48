import csv

import numpy as np
import pytest
from tests.server.prediction.shapes import noisy, quiet_then_ramp

from sereno_proto.errors import BadInput
from sereno_server.prediction.backtest import backtest_logs, backtest_metrics, main


def write(path, rows, header="timestamp,value,capacity"):
    path.write_text("\n".join([header, *rows]) + "\n")


def test_a_row_in_is_a_row_out_and_files_do_not_influence_each_other(tmp_path):
    used = noisy(quiet_then_ramp(60, 40), seed=1)
    rows = [f"{1_700_000_000 + 3600 * k},{value},1" for k, value in enumerate(used.tolist())]
    (tmp_path / "in").mkdir()
    write(tmp_path / "in" / "a.csv", rows)
    write(tmp_path / "in" / "b.csv", rows[:85])
    write(tmp_path / "in" / "c.csv", ["2026-01-01T00:00:00Z,5", "2026-01-01T00:00:00Z,6"], "timestamp,value")
    assert backtest_metrics(tmp_path / "in", tmp_path / "out") == 100 + 85 + 2
    a, b, c = (list(csv.reader((tmp_path / "out" / f"{name}.csv").open())) for name in "abc")
    assert a[0] == ["timestamp", "value", "score", "alarm", "full_at"]
    assert [row[0] for row in a[1:]] == [row.split(",")[0] for row in rows]
    assert a[:86] == b
    assert abs(float(a[81][4]) - 1_700_000_000 - 3600 * 100) < 3600 * 8
    assert all(row[4] == "" for row in c[1:])
    assert all(0 <= float(row[2]) <= 1 for row in a[1:])


@pytest.mark.parametrize(
    ("text", "says"),
    [("timestamp,value\n1,x\n", "could not convert"), ("a,b\n1,2\n", "header"), ("timestamp,value\n1\n", "line 2")],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path, text, says):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "bad.csv").write_text(text)
    with pytest.raises(BadInput, match=says) as caught:
        backtest_metrics(tmp_path / "in", tmp_path / "out")
    assert caught.value.code == "E_BACKTEST_INPUT"
    assert "bad.csv" in str(caught.value)


def test_an_empty_folder_is_an_error(tmp_path):
    with pytest.raises(BadInput):
        backtest_metrics(tmp_path, tmp_path / "out")


def test_one_template_id_a_line(tmp_path):
    source, target = tmp_path / "in.log", tmp_path / "ids"
    source.write_text("session opened for user anna 17\nsession opened for user anna 18\n\nout of memory\n")
    assert backtest_logs(source, target) == 4
    ids = target.read_text().split("\n")
    assert ids[0] == ids[1] != ids[3]
    assert len(ids) == 5
    assert all(ids[:4])


def test_main_says_what_is_wrong_in_one_line(tmp_path, capsys):
    assert main(["metrics", str(tmp_path), str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith("E_BACKTEST_INPUT: ")
    assert main(["metrics"]) == 2
    assert np.isfinite(main(["backtest"]))


def test_what_cannot_be_written_is_named(tmp_path):
    (tmp_path / "a.csv").write_text("timestamp,value\n1,2\n")
    (tmp_path / "taken").write_text("a file, not a folder")
    for call in (
        lambda: backtest_metrics(tmp_path, tmp_path / "taken"),
        lambda: backtest_logs(tmp_path / "a.csv", tmp_path),
    ):
        with pytest.raises(BadInput) as caught:
            call()
        assert caught.value.code == "E_BACKTEST_INPUT"
        assert "cannot be written" in caught.value.what
