"""`policy set`: the one key changes, every other byte stays, and nothing invalid is ever written."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sereno_agent import policy_edit, policy_show
from sereno_agent.policy import Policy
from sereno_agent.policy_edit import edited
from sereno_agent.wants import Wants, narrow
from sereno_proto.errors import BadInput

OWN = """\
# mine
[folders.app-logs]   # the log
path = "/var/log/app"
rotate = [
  "*.log",   # all
]

[actions]
allow = ["rotate_logs"]
"""


def test_comments_and_other_keys_stay(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(OWN)
    path.chmod(0o640)
    assert (
        policy_edit.change(path, "actions.allow", ["rotate_logs", "restore_file"]) == '["rotate_logs", "restore_file"]'
    )
    assert path.read_text() == OWN.replace('["rotate_logs"]', '["rotate_logs", "restore_file"]')
    assert policy_edit.change(path, "folders.app-logs.rotate", ["*.txt"]) == '["*.txt"]'
    assert policy_edit.change(path, "folders.app-logs.quota_bytes", ["5000"]) == "5000"
    assert policy_edit.change(path, "collect.deny", ["network"]) == '["network"]'
    assert policy_edit.change(path, "actions.allow", None) == ""
    assert tomllib.loads(path.read_text()) == {
        "folders": {"app-logs": {"path": "/var/log/app", "rotate": ["*.txt"], "quota_bytes": 5000}},
        "actions": {},
        "collect": {"deny": ["network"]},
    }
    assert path.read_text().startswith("# mine\n[folders.app-logs]   # the log\n")
    assert path.stat().st_mode & 0o777 == 0o640
    assert [one.name for one in tmp_path.iterdir()] == ["policy.toml"]


@pytest.mark.parametrize(
    ("key", "words", "code"),
    [
        ("actions.bogus", ["1"], "E_POLICY_INVALID"),
        ("folders.app-logs.path", ["relative"], "E_POLICY_INVALID"),
        ("redact.patterns", ["("], "E_POLICY_INVALID"),
        ("files.new.restore", ["true"], "E_POLICY_INVALID"),
        ("actions..allow", ["x"], "E_PARAMETER"),
        ("actions.allow]\n[x", ["x"], "E_PARAMETER"),
        ("folders.app-logs.path.more", ["x"], "E_PARAMETER"),
        ("redact.patterns", None, "E_PARAMETER"),
    ],
)
def test_what_the_policy_refuses_is_never_written(tmp_path: Path, key: str, words: list[str] | None, code: str) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(OWN)
    with pytest.raises(BadInput) as caught:
        policy_edit.change(path, key, words)
    assert caught.value.code == code
    assert path.read_text() == OWN


def test_a_policy_is_begun_where_there_is_none(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    policy_edit.change(path, "folders.app-logs.path", ["/var/log/app"])
    assert path.read_text() == '[folders.app-logs]\npath = "/var/log/app"\n'


def test_a_form_that_only_a_hand_can_edit_is_said(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="E_PARAMETER"):
        edited('folders = { a = { path = "/a" } }\n', ("folders", "a", "path"), "/b")
    with pytest.raises(BadInput, match=r"by hand|as it is"):
        edited("broken [", ("actions", "allow"), ["x"])


NAMES = st.sampled_from(["a", "b-c", "d_e"])
VALUES = st.one_of(st.integers(), st.booleans(), st.text(max_size=12), st.lists(st.text(max_size=5), max_size=3))


@example([], "a", "a", "\x7f")
@given(st.lists(st.tuples(NAMES, NAMES, VALUES), max_size=8), NAMES, NAMES, VALUES)
def test_an_edit_changes_its_key_and_no_other(entries, table, key, value) -> None:
    text = ""
    for place, name, given_value in entries:
        if not isinstance(tomllib.loads(text).get(place), dict) or name not in tomllib.loads(text)[place]:
            text = edited(text, (place, name), given_value)
    before = tomllib.loads(text)
    after = tomllib.loads(edited(text, (table, key), value))
    assert after[table][key] == value
    assert {**before, table: {**before.get(table, {}), key: value}} == after


def test_the_servers_wishes_narrow_and_never_widen() -> None:
    own = Policy(actions=frozenset({"rotate_logs"}), collectors_denied=frozenset({"network"}), redact=("x+",))
    wished = Wants(0, ("disks",), ("Juan (jefe)",), ("rotate_logs", "restart_service"))
    now = narrow(own, wished)
    assert now.actions == {"rotate_logs"}
    assert now.collectors_denied == {"network", "disks"}
    assert now.redact == ("x+", r"Juan\ \(jefe\)")
    rows = {(key, wanted): (verdict, command) for key, wanted, verdict, command in policy_show.compare(own, wished)}
    assert rows["actions.allow", "rotate_logs"] == ("allowed here too", "")
    assert rows["actions.allow", "restart_service"] == (
        policy_show.BEYOND,
        "sereno-agent policy set actions.allow rotate_logs restart_service",
    )
    assert rows["collect.deny", "disks"] == (policy_show.NARROWED, "")
