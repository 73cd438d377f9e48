"""What actions may touch, as the policy names it: strict, with file and line, and shown as it is in force."""

from pathlib import Path

import pytest

from sereno_agent.policy import allowed, parse
from sereno_diagnostics.allowed import NamedProcess, Slot
from sereno_proto.errors import BadInput

PATH = Path("/etc/sereno-agent/policy.toml")
WHOLE = r"""
[services.web]
unit = "nginx.service"
allow = ["stop", "restart"]
[processes.worker]
program = "php-fpm"
argument = "--pool=www"
user = "www-data"
allow = ["renice"]
[packages.web]
package = "libstdc++6"
allow = ["upgrade", "pin"]
[mounts.data]
path = "/srv/data"
allow = ["ro"]
[volumes.data]
volume = "vg0/data"
max_bytes = 107374182400
[templates.limits]
path = "/etc/app/limits.conf"
text = '''
workers = {workers}
mode = {mode}
'''
validate = ["/usr/bin/app", "--check", "{file}"]
slots.workers = {minimum = 1, maximum = 64}
slots.mode = {choices = ["safe", "fast"]}
[certificates.site]
path = "/etc/ssl/site.pem"
renew = ["/usr/bin/certbot", "renew", "--cert-name", "site"]
[journal]
keep_bytes = 1073741824
"""


def test_names_reach_actions_as_they_are_written():
    names = allowed(parse(WHOLE, PATH), PATH, Path("/var/lib/sereno-agent"))
    assert names.service("web").allow == ("restart", "stop")
    assert names.process("worker") == NamedProcess("worker", "php-fpm", "--pool=www", "www-data", ("renice",))
    assert names.package("web").package == "libstdc++6"
    assert names.mount("data").allow == ("ro",)
    assert names.volume("data").max_bytes == 100 << 30
    assert names.template("limits").slots == {"mode": Slot(choices=("safe", "fast")), "workers": Slot(1, 64)}
    assert names.template("limits").text == "workers = {workers}\nmode = {mode}\n"
    assert names.certificate("site").renew[0] == "/usr/bin/certbot"
    assert names.journal_keep_bytes == 1 << 30


def test_without_a_word_nothing_may_be_touched():
    names = allowed(parse('[services.web]\nunit = "nginx.service"\n', PATH), PATH, Path("/state"))
    assert names.service("web").allow == ()
    assert names.journal_keep_bytes == 0


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('[services.web]\nunit = "nginx.service"\nallow = ["reload"]', "'reload' is none of restart, start"),
        ('[services.web]\nunit = "-H"\nallow = ["start"]', "must be a unit's name"),
        ('[services.web]\nunit = "a.service"\nverbs = ["start"]', "unknown key; known are unit, allow"),
        ('[processes.worker]\nprogram = "a program"', "must be a program's name"),
        ('[processes.worker]\nprogram = "sixteen-letters-"', "must be a program's name"),
        ('[processes.worker]\nallow = ["kill"]', "must be a program's name"),
        ('[processes.worker]\nprogram = "php"\nallow = "kill"', "must be a list"),
        ('[packages.web]\npackage = "nginx=1"', "must be a package's name"),
        ('[packages.web]\npackage = "-y"', "must be a package's name"),
        ('[packages.web]\npackage = "nginx-"', "must be a package's name"),
        ('[packages.web]\npackage = "nginx"\nversion = "1"', "unknown key"),
        ('[mounts.data]\npath = "/"\nallow = ["ro"]', "not the root"),
        ('[mounts.data]\npath = "/srv/../etc"', "without '..'"),
        ('[mounts.data]\npath = "/srv"\nallow = ["noexec"]', "'noexec' is none of ro, rw"),
        ('[volumes.data]\nvolume = "data"\nmax_bytes = 1', "must be GROUP/VOLUME"),
        ('[volumes.data]\nvolume = "vg0/--yes"\nmax_bytes = 1', "must be GROUP/VOLUME"),
        ('[volumes.data]\nvolume = "vg0/data"', "must say how large"),
        ('[templates.a]\npath = "/etc/a"\ntext = "{x}"', "slots: are none; the text has x"),
        (
            '[templates.a]\npath = "/etc/a"\ntext = "a"\nslots.x = {minimum = 1, maximum = 2}',
            "slots: are x; the text has",
        ),
        ('[templates.a]\npath = "/etc/a"\ntext = "{x}"\nslots.x = {minimum = 1}', "needs either minimum and maximum"),
        ('[templates.a]\npath = "/etc/a"\ntext = "{x}"\nslots.x = {minimum = 3, maximum = 2}', "from 3 to"),
        ('[templates.a]\npath = "/etc/a"\ntext = "{x}"\nslots.x = {choices = ["a b"]}', "are words of letters"),
        ('[templates.a]\npath = "/etc/a"\ntext = "a"\nvalidate = ["grep", "{file}"]', "absolute path"),
        ('[templates.a]\npath = "/etc/a"\ntext = "a"\nvalidate = ["/bin/true"]', "needs the word {file}"),
        ('[templates.a]\npath = "/etc/a"', "must be a text of at most"),
        ('[certificates.a]\npath = "/a"\nrenew = ["certbot"]', "absolute path"),
        ('[certificates.a]\nlisten = "localhost:443"\nrenew = ["/usr/bin/certbot"]', "needs the certificate's path"),
        ("[journal]\nkeep_bytes = -1", "must be a whole number"),
        ('[commands.a]\nargv = ["/bin/sh"]', "unknown key"),
    ],
)
def test_what_is_not_meant_is_refused_with_file_and_line(text, what):
    with pytest.raises(BadInput) as caught:
        parse(text, PATH)
    assert caught.value.code == "E_POLICY_INVALID"
    assert caught.value.what.startswith(f"{PATH}:")
    assert what in caught.value.what


def test_policy_show_shows_all_of_it(tmp_path, capsys):
    from sereno_agent import cli

    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    (state / "policy.toml").write_text(WHOLE)
    (state / "policy.toml").chmod(0o600)
    assert cli.main(["policy", "show", "--state", str(state)]) == 0
    shown = capsys.readouterr().out
    for line in (
        "services.web: unit nginx.service, allow restart stop",
        "processes.worker: program php-fpm, argument --pool=www, user www-data, allow renice",
        "packages.web: package libstdc++6, allow upgrade pin",
        "mounts.data: path /srv/data, allow ro",
        "volumes.data: volume vg0/data, max_bytes 107374182400",
        "journal_keep_bytes: 1073741824",
        "renew /usr/bin/certbot renew --cert-name site",
        "choices safe fast",
        r"text workers = {workers}\nmode = {mode}\n,",
        "minimum 1, maximum 64",
    ):
        assert line in shown
