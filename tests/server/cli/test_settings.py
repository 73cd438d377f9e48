"""Where the CLI finds its settings, and what it says of broken ones."""

import pytest

from sereno_proto.errors import SerenoError
from sereno_server.cli.server_settings import settings_of_a_server
from sereno_server.cli.settings import find, load

CONFIG = """
server = "http://localhost:8080/"
person = "noa"
approver = "iker"
roster = "workstation"
[people.noa]
sign_in = "keys/noa-session"
approve = "agent:SHA256:abc"
[people.iker]
"""


def test_the_variable_wins_then_a_demo_above_then_the_home_folder(tmp_path):
    clone, deep = tmp_path / "clone", tmp_path / "clone" / "a" / "b"
    deep.mkdir(parents=True)
    home = {"HOME": str(tmp_path / "home")}
    assert find(home, deep) == tmp_path / "home" / ".config" / "sereno" / "cli.toml"
    (clone / ".demo").mkdir()
    (clone / ".demo" / "cli.toml").write_text("")
    assert find(home, deep) == clone / ".demo" / "cli.toml"
    assert find({**home, "SERENO_CONFIG": "/elsewhere.toml"}, deep).name == "elsewhere.toml"


def test_paths_are_relative_to_the_file_and_agents_are_left_alone(tmp_path):
    path = tmp_path / "cli.toml"
    path.write_text(CONFIG)
    settings = load(path)
    assert settings.server_url() == "http://localhost:8080"
    assert settings.roster == tmp_path / "workstation"
    assert settings.who(None).sign_in == str(tmp_path / "keys" / "noa-session")
    assert settings.who(None).approve == "agent:SHA256:abc"
    assert settings.who(None, approver=True).name == "iker"
    assert settings.who("noa", approver=True).name == "noa"


@pytest.mark.parametrize(
    ("text", "ask"),
    [
        ("server = [", lambda settings: settings.who(None)),
        ("unknown = 1", lambda settings: settings.who(None)),
        ("[people.noa]\ncolour = 'red'", lambda settings: settings.who("noa")),
        ("", lambda settings: settings.who(None)),
        ("person = 'noa'", lambda settings: settings.who(None)),
        ("", lambda settings: settings.server_url()),
    ],
)
def test_what_is_broken_or_missing_is_one_error_with_the_files_name(tmp_path, text, ask):
    path = tmp_path / "cli.toml"
    path.write_text(text)
    with pytest.raises(SerenoError) as refused:
        ask(load(path))
    assert refused.value.code == "E_CONFIG"
    assert "cli.toml" in refused.value.what


def test_who_only_looks_finds_the_demos_server_and_never_makes_one(tmp_path, monkeypatch):
    clone, deep = tmp_path / "clone", tmp_path / "clone" / "a"
    data = tmp_path / "data"
    deep.mkdir(parents=True)
    (clone / ".demo").mkdir()
    (clone / ".demo" / "server.toml").write_text(f'data_dir = "{data}"\n')
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SerenoError, match="holds no server's data"):
        settings_of_a_server(None, deep)
    assert not data.exists()
    (data / "postgresql").mkdir(parents=True)
    assert settings_of_a_server(None, deep).data_dir == data
