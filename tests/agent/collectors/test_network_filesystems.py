"""A network mount that answers is measured; one that does not is said to hang, is left, and not asked again."""

import pytest

from sereno_agent.collectors.network_filesystems_linux import STAT, Mounts, parse
from sereno_agent.host import Host
from sereno_agent.reading import Reading

MOUNTS = """/dev/sda1 / ext4 rw,relatime 0 0
nas:/export /srv/our\\040files nfs4 rw,hard 0 0
//nas/share /srv/share cifs rw 0 0
user@host: /srv/ssh fuse.sshfs rw 0 0
tmpfs /run tmpfs rw 0 0
"""


def test_network_mounts_are_found_and_their_names_read_as_they_are():
    assert parse(MOUNTS) == ["/srv/our files", "/srv/share", "/srv/ssh"]


def machine(tmp_path, mount):
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/mounts").write_text(f"nas:/export {mount} nfs rw 0 0\n")
    return Host(str(tmp_path))


@pytest.mark.slow
def test_a_mount_that_answers_is_measured(tmp_path):
    reading = Reading()
    Mounts(machine(tmp_path, tmp_path), STAT).collect(reading)
    values = {sample.name: sample.value for sample in reading.samples}
    assert values["filesystem_hanging"] == 0
    assert 0 < values["filesystem_used_bytes"] <= values["filesystem_size_bytes"]


@pytest.mark.slow
def test_a_mount_that_hangs_is_said_to_and_the_collector_ends(tmp_path):
    mounts = Mounts(machine(tmp_path, "/srv/away"), ("sh", "-c", "sleep 60"), answer_s=0.1)
    for _ in range(2):
        reading = Reading()
        mounts.collect(reading)
        assert [(sample.name, sample.value) for sample in reading.samples] == [("filesystem_hanging", 1)]
    for child in mounts._hanging.values():
        child.wait(10)
        child.stdout.close()
