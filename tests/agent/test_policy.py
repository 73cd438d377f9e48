"""policy.toml: half a policy is nobody's intention, so anything wrong in it denies everything and says where."""

from pathlib import Path

import pytest

from sereno_agent import policy
from sereno_proto.errors import BadInput
from sereno_proto.ids import sha256

GOOD = """
[collect]
deny = ["network"]

[folders.app-logs]
path = "/var/log/app"
quota_bytes = 62914560
rotate = ["*.log"]
remove = ["*.log.*", "*.gz"]
keep = 3

[files.app-config]
path = "/etc/app/app.conf"
restore = true

[files.hosts]
path = "/etc/hosts"

[services.web]
unit = "nginx.service"

[hosts.database]
name = "db.example.com"

[certificates.site]
path = "/etc/ssl/site.pem"

[certificates.console]
listen = "localhost:443"

[actions]
allow = ["rotate_logs"]

[redact]
patterns = ["password=\\\\S+"]
"""


def write(tmp_path, text):
    path = tmp_path / "policy.toml"
    path.write_text(text)
    path.chmod(0o600)
    return path


def test_a_good_policy_is_read_whole(tmp_path):
    path = write(tmp_path, GOOD)
    read = policy.load(path)
    assert read.folders["app-logs"] == policy.WatchedFolder(
        "app-logs", Path("/var/log/app"), 62914560, ("*.log",), ("*.log.*", "*.gz"), 3
    )
    assert read.files["app-config"] == policy.WatchedFile("app-config", Path("/etc/app/app.conf"), restore=True)
    assert read.files["hosts"].restore is False
    assert read.services["web"].unit == "nginx.service"
    assert read.hosts["database"].host == "db.example.com"
    assert read.certificates["site"].path == Path("/etc/ssl/site.pem")
    assert read.certificates["console"].listen == "localhost:443"
    assert read.actions == {"rotate_logs"}
    assert read.collectors_denied == {"network"}
    assert read.redact == (r"password=\S+",)
    assert read.digest == sha256(path.read_bytes())
    assert read.error == ""
    assert policy.in_force(path) == read


def test_an_empty_policy_is_valid_and_allows_nothing(tmp_path):
    read = policy.load(write(tmp_path, ""))
    assert (read.folders, read.files, read.actions, read.error) == ({}, {}, frozenset(), "")


FOLDER = '[folders.x]\npath = "/x"\n'
WRONG = {
    "syntax": ('[folders\npath = "/x"', 1),
    "unknown table": ('[folders.x]\npath = "/x"\n\n[sessions]\nallow = true', 4),
    "unknown key of a folder": (FOLDER + "owner = 1", 3),
    "unknown key at the top": ("allow = true", 1),
    "unknown key of actions": ('[actions]\nallow = []\ndeny = ["x"]', 3),
    "a folder without path": ("[folders.x]\nquota_bytes = 1", 1),
    "a relative path": ('[folders.x]\npath = "var/log"', 2),
    "a path with dots": ('[folders.x]\npath = "/var/../etc"', 2),
    "the root": ('[files.x]\n# why\npath = "/"', 3),
    "a path with a control sign": ('[files.x]\npath = "/etc/a\\nb"', 2),
    "a path that is no text": ("[files.x]\npath = 1", 2),
    "a negative quota": (FOLDER + "quota_bytes = -1", 3),
    "a quota that is a text": (FOLDER + 'quota_bytes = "1 GB"', 3),
    "a quota that is a truth": (FOLDER + "quota_bytes = true", 3),
    "a negative keep": (FOLDER + "keep = -1", 3),
    "a pattern that is not in a list": (FOLDER + 'rotate = "*.log"', 3),
    "a pattern with a folder": (FOLDER + 'remove = ["../*"]', 3),
    "an empty pattern": (FOLDER + 'remove = [""]', 3),
    "restore that is no truth": ('[files.x]\npath = "/x"\nrestore = "yes"', 3),
    "a name with a slash": ('[folders."a/b"]\npath = "/x"', 1),
    "a name in capitals": ('[folders.X]\npath = "/x"', 1),
    "folders that is a list": ("folders = [1]", 1),
    "a folder that is a text": ('[folders]\nx = "/x"', 2),
    "actions that are numbers": ("[actions]\nallow = [1]", 2),
    "a redaction that does not compile": ('[redact]\npatterns = ["ok", "("]', 2),
    "a unit that is an option": ('[services.x]\nunit = "--all"', 2),
    "a service without unit": ("[services.x]", 1),
    "a host with a slash": ('[hosts.x]\nname = "a/b"', 2),
    "a certificate in two places": ('[certificates.x]\npath = "/x"\nlisten = "localhost:443"', 1),
    "an address without port": ('[certificates.x]\nlisten = "localhost"', 2),
    "a key given twice": ('[files.x]\npath = "/x"\npath = "/y"', 3),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_named_with_its_line_and_denies_everything(tmp_path, what):
    text, line = WRONG[what]
    path = write(tmp_path, text)
    with pytest.raises(BadInput) as caught:
        policy.load(path)
    assert caught.value.code == "E_POLICY_INVALID"
    assert caught.value.what.startswith(f"{path}:{line}: ")
    assert "\n" not in caught.value.what
    denied = policy.in_force(path)
    assert denied.error == caught.value.what
    assert denied == policy.Policy(error=denied.error)


def test_a_missing_policy_denies_everything(tmp_path):
    denied = policy.in_force(tmp_path / "none.toml")
    assert denied.error.endswith("No such file or directory")
    assert denied.actions == frozenset()


def test_a_policy_that_others_may_write_is_not_the_owners_word(tmp_path):
    path = write(tmp_path, GOOD)
    path.chmod(0o666)
    assert "everybody may write" in policy.in_force(path).error


def test_a_policy_that_is_no_text_or_no_file_denies_everything(tmp_path):
    path = write(tmp_path, "")
    path.write_bytes(b"\xff")
    assert "not UTF-8" in policy.in_force(path).error
    assert policy.in_force(tmp_path).error
    path.write_bytes(b"#" * 300_000)
    assert "longer than" in policy.in_force(path).error


def test_the_example_in_the_documentation_is_valid(tmp_path):
    documented = (Path(__file__).parents[2] / "docs" / "policy.md").read_text()
    example = documented.split("```toml\n")[1].split("```")[0]
    read = policy.load(write(tmp_path, example))
    assert read.actions == {"rotate_logs", "remove_old_files", "restore_file"}


def test_log_sources_are_read(tmp_path):
    text = """
[logs.app]
path = "/var/log/app/*.log"
exclude = ["*.old.log"]
multiline = "^\\\\d{4}-"
encoding = "utf-16"
from = "start"
lines_per_minute = 100

[journal]
read = true
units = ["ssh.service"]
priority = "warning"
"""
    read = policy.load(write(tmp_path, text))
    assert read.logs["app"] == policy.LogSource(
        "app",
        Path("/var/log/app/*.log"),
        ("*.old.log",),
        r"^\d{4}-",
        "utf-16",
        from_start=True,
        lines_per_minute=100,
    )
    assert read.journal == policy.JournalSource(("ssh.service",), priority="warning")
    assert policy.load(write(tmp_path, "")).journal is None


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('[logs.app]\npath = "app.log"', "not absolute"),
        ('[logs.app]\npath = "/a"\nmultiline = "("', "no regular expression"),
        ('[logs.app]\npath = "/a"\nencoding = "ebcdic"', "must be one of"),
        ('[logs.app]\npath = "/a"\nfrom = "middle"', "must be one of"),
        ('[logs.app]\npath = "/a"\nlines_per_minute = 0', "whole number"),
        ('[logs.journal]\npath = "/a"', "the journal's"),
        ("[journal]\nread = 1", "true or false"),
        ('[journal]\nread = true\npriority = "loud"', "must be one of"),
    ],
)
def test_wrong_log_sources_are_refused(tmp_path, text, what):
    with pytest.raises(BadInput) as caught:
        policy.load(write(tmp_path, text))
    assert what in caught.value.what
