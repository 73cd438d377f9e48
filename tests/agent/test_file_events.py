"""An edit is noticed at once, without waiting for the sweep; what grows beside a watched file wakes nobody."""

import asyncio
import sys
from pathlib import Path

import pytest

from sereno_agent.file_events import COLLECTORS, FileEvents
from sereno_agent.policy import Policy, WatchedFile, WatchedTree

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="inotify is Linux's")


def told_after(policy: Policy, act: object, *, within_s: float = 3.0, turns: int = 1) -> list[tuple[str, ...]]:
    """What was told after `act`, waiting no longer than needed."""
    told: list[tuple[str, ...]] = []

    async def story() -> None:
        heard = asyncio.Event()

        def moved(names: tuple[str, ...]) -> None:
            told.append(names)
            heard.set()

        events = FileEvents(moved)
        events.follow(policy)
        try:
            for _ in range(turns):
                act()  # type: ignore[operator] # a plain function
                events.follow(policy)
            async with asyncio.timeout(within_s):
                await heard.wait()
        except TimeoutError:
            pass
        finally:
            events.close()

    asyncio.run(story())
    return told


@pytest.mark.slow
def test_an_edit_in_place_and_by_rename(tmp_path: Path) -> None:
    path = tmp_path / "app.conf"
    path.write_text("a")
    policy = Policy(files={"app": WatchedFile("app", path)})
    assert told_after(policy, lambda: path.write_text("b")) == [COLLECTORS]

    def rename() -> None:
        (tmp_path / ".app.conf.swp").write_text("c")
        (tmp_path / ".app.conf.swp").rename(path)

    assert told_after(policy, rename) == [COLLECTORS]


@pytest.mark.slow
def test_other_files_beside_it_wake_nobody(tmp_path: Path) -> None:
    policy = Policy(files={"app": WatchedFile("app", tmp_path / "app.conf")})
    assert told_after(policy, lambda: (tmp_path / "app.log").write_text("x"), within_s=0.6) == []


def test_a_file_deep_in_a_tree(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    policy = Policy(trees={"t": WatchedTree("t", tmp_path)})
    assert told_after(policy, lambda: (tmp_path / "a" / "b" / "x").write_text("x")) == [COLLECTORS]


def test_a_folder_that_is_not_there_is_left_to_the_sweep(tmp_path: Path) -> None:
    policy = Policy(files={"app": WatchedFile("app", tmp_path / "none" / "app.conf")})
    assert told_after(policy, lambda: None, within_s=0.1) == []
