"""Slack for a library's threads: given while they are started, taken back, and nothing where there is none."""

import sys
import threading
from pathlib import Path

import pytest

from sereno_agent import timer_slack


def test_it_holds_within_and_is_taken_back_whatever_happens(tmp_path: Path) -> None:
    file = tmp_path / "timerslack_ns"
    file.write_text("50000\n")
    with pytest.raises(ValueError, match="boom"), timer_slack.of_new_threads(300, file):  # noqa: PT012
        assert file.read_text() == "300000000"
        raise ValueError("boom")
    assert file.read_text() == "50000"


def test_a_system_without_it_is_left_alone(tmp_path: Path) -> None:
    with timer_slack.of_new_threads(300, tmp_path / "nothing"):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux's")
def test_a_thread_takes_it_from_the_one_that_starts_it() -> None:
    own = Path("/proc/self/timerslack_ns")
    before = own.read_text()
    seen: list[str] = []

    def look() -> None:
        seen.append(Path(f"/proc/{threading.get_native_id()}/timerslack_ns").read_text().strip())

    with timer_slack.of_new_threads(300):
        thread = threading.Thread(target=look)
        thread.start()
    thread.join()
    assert seen == ["300000000"]
    assert own.read_text() == before
