"""The server's wishes: bounded, kept over a restart, in force at once where they make the policy stricter."""

from pathlib import Path

from sereno_agent import wants
from sereno_agent.policy_watch import PolicyWatch
from sereno_agent.wants import Wants
from sereno_proto.v1.link_pb2 import Settings


def test_wishes_narrow_at_once_and_with_each_new_policy(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text('[collect]\ndeny = ["network"]\n')
    watch = PolicyWatch(path)
    digest = watch().digest
    assert watch.wish(Wants(collectors_denied=("disks",), redact_words=("a+b",)))
    assert (watch().collectors_denied, watch().redact, watch().digest) == ({"network", "disks"}, (r"a\+b",), digest)
    assert not watch.wish(Wants(collectors_denied=("disks",), redact_words=("a+b",)))
    path.write_text('[actions]\nallow = ["rotate_logs"]\n')
    assert watch.refresh()
    assert (watch().collectors_denied, watch().actions) == ({"disks"}, {"rotate_logs"})
    assert watch.wish(Wants())
    assert watch().collectors_denied == frozenset()


def test_what_exceeds_the_bounds_is_left_out(tmp_path: Path) -> None:
    settings = Settings(collectors_denied=["x" * 200, "", "cpu"], redact_words=[str(n) for n in range(100)])
    read = wants.read(settings)
    assert read.collectors_denied == ("cpu",)
    assert len(read.redact_words) == 64
    path = tmp_path / "wants.json"
    wants.save(path, read)
    assert wants.load(path) == read
    for broken in ("{", "[]", '{"collect_interval_ms": 1}', '{"collect_interval_ms": "x"}'):
        path.write_text(broken)
        assert wants.load(path) == Wants()
