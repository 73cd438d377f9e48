"""What people see of the logs on the machine: counts of each source, and its last lines as they would be sent."""

from pathlib import Path

from sereno_agent.logs.block import Block, line_of
from sereno_agent.logs.show import show
from sereno_agent.logs.tally import Tally
from sereno_agent.overview import log_row
from sereno_agent.policy import parse


def test_lines_a_second_are_those_of_the_last_minute() -> None:
    now = [0.0]
    tally = Tally(lambda: now[0])
    lines = [line_of("x", time_ms=0, severity=6)] * 30
    tally.add(Block("app", lines, withheld=1200, redacted=2))
    now[0] = 10.0
    assert tally.told() == {"lines": 30, "withheld": 1200, "redacted": 2, "lines_per_s": 3.0}
    now[0] = 60.0
    assert tally.told()["lines_per_s"] == 0.5
    now[0] = 130.0
    assert tally.told()["lines_per_s"] == 0.0
    assert log_row("app", tally.told()) == (
        "app: 0 lines/s, 30 since the start, 1,200 WITHHELD (more than lines_per_minute), 2 with a secret taken out"
    )


def test_collect_logs_shows_files_and_their_last_lines_without_secrets(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "app.log").write_text("one\ntwo\n2026-11-21 ERROR three\npassword=hunter2\n")
    (logs / "evil.log").symlink_to("/etc/shadow")
    text = f'[logs.app]\npath = "{logs}/*.log"\n[journal]\nread = true\npriority = "warning"\n'
    shown = list(show(parse(text, tmp_path / "policy.toml")))
    assert shown == [
        f"# logs app: {logs}/*.log, 2 files, at most 6,000 lines/min",
        f"{logs}/app.log: 48 bytes",
        "  info: two",
        "  err: 2026-11-21 ERROR three",
        "  info: password=[redacted]",
        f"{logs}/evil.log: a link, followed only into folders that `links` names",
        "# logs journal: everything, warning and worse",
    ]
    assert list(show(parse("", tmp_path))) == ["logs: the policy names none ([logs.NAME], [journal])"]
