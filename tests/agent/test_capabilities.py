"""`sereno-agent capabilities` prints docs/catalogue.md to the letter, then what this machine allows."""

import json
from pathlib import Path

from sereno_agent import capabilities, cli
from sereno_agent.folders import Folders
from sereno_diagnostics import registry as checks
from sereno_playbooks import catalogue
from sereno_playbooks import registry as actions

PAGE = Path(__file__).parents[2] / "docs" / "catalogue.md"


def test_what_is_printed_is_the_page_and_what_is_allowed_here(tmp_path, capsys):
    (tmp_path / "policy.toml").write_text(
        '[actions]\nallow = ["rotate_logs", "not_known"]\n[hosts.db]\nname = "db.example.com"\n'
    )
    (tmp_path / "agent.toml").write_text('[databases.app]\nkind = "sqlite"\npath = "/srv/app.db"\n')
    assert cli.main(["capabilities", "--state", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    page, _, here = printed.partition("\n## On this machine\n")
    assert page == PAGE.read_text()
    assert "- Actions: rotate_logs.\n" in here
    assert "- host: db.\n" in here
    assert "- database: app.\n" in here
    assert cli.main(["capabilities", "--json", "--state", str(tmp_path)]) == 0
    assert json.loads(capsys.readouterr().out)["catalogue"] == json.loads(json.dumps(catalogue.gather()))


def test_without_a_valid_policy_it_says_that_nothing_is_allowed(tmp_path):
    (tmp_path / "policy.toml").write_text("[nonsense]\n")
    found = capabilities.gather(Folders(tmp_path))
    assert found["here"]["actions"] == []
    assert "policy.toml" in found["here"]["error"]
    assert "NOTHING IS ALLOWED" in "\n".join(capabilities.render(found))


def test_the_page_has_everything_that_is_registered():
    """When this fails: `make catalogue`, and review the difference."""
    text = PAGE.read_text()
    assert text == catalogue.markdown(catalogue.gather())
    for name in (*checks.names(), *actions.names()):
        assert f"\n### {name}\n" in text
