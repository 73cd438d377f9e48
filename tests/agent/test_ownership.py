"""settle: what root's commands, or an executor that was root, left behind belongs to whom it must."""

import os
import stat

import pytest

from sereno_agent.folders import Folders
from sereno_agent.ownership import settle

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to other users")
EXECUTOR, CORE, GROUP = 64_001, 64_002, 64_003


@pytest.fixture
def folders(tmp_path):
    (tmp_path / "core").mkdir(mode=0o700)
    made = Folders(tmp_path)
    made.make()
    os.chown(made.runs, EXECUTOR, GROUP)
    os.chown(made.state, 0, GROUP)
    os.chown(made.core, CORE, GROUP)
    return made


def of(path):
    found = path.lstat()
    return found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)


def test_everything_of_the_executors_is_given_back_folders_in_folders_too(folders):
    folders.grants.mkdir(mode=0o700)
    for path in (folders.grants / "grt_1.json", folders.plans / "pln_1.plan", folders.runs / "pln_1.journal"):
        path.write_text("{}")
    (folders.core / "status.json").write_text("{}")
    settle(folders)
    assert of(folders.grants) == (EXECUTOR, GROUP, 0o750)
    assert of(folders.grants / "grt_1.json") == (EXECUTOR, GROUP, 0o640)
    assert of(folders.plans / "pln_1.plan") == (EXECUTOR, GROUP, 0o600)
    assert of(folders.plans) == (EXECUTOR, GROUP, 0o700)
    assert of(folders.runs / "pln_1.journal") == (EXECUTOR, GROUP, 0o640)
    assert of(folders.core / "status.json")[:2] == (CORE, GROUP)


def test_a_link_that_leads_out_gives_nothing_away(folders, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside")
    (outside / "secret").write_text("root's")
    before = of(outside), of(outside / "secret")
    (folders.runs / "way").symlink_to(outside)
    with pytest.raises(OSError, match="symbolic link"):
        settle(folders)
    assert (of(outside), of(outside / "secret")) == before
