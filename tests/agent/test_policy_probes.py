"""What checks may reach is named in the policy as strictly as everything else there."""

from pathlib import Path

import pytest

from sereno_agent import policy
from sereno_proto.errors import SerenoError

PATH = Path("/etc/sereno-agent/policy.toml")
GOOD = """
[hosts.database]
name = "db.example.com"
ports = [5432, 6432]
[urls.shop]
url = "https://shop.example.com:8443/health?deep=1"
status = 204
contains = "all well"
[plugins.load]
command = ["/usr/lib/nagios/plugins/check_load", "-w", "8,6,4"]
timeout_s = 20
"""


def test_hosts_addresses_and_plugins_are_read():
    own = policy.parse(GOOD, PATH)
    assert own.hosts["database"].ports == (5432, 6432)
    assert (own.urls["shop"].status, own.urls["shop"].contains) == (204, "all well")
    assert own.plugins["load"].command == ("/usr/lib/nagios/plugins/check_load", "-w", "8,6,4")
    assert own.plugins["load"].timeout_s == 20
    allowed = policy.allowed(own, PATH, Path("/var/lib/x"), databases={"orders": "postgresql"}, server="s:1")
    assert set(allowed.of_kind("url")) == {"shop"}
    assert allowed.database("orders").kind == "postgresql"


@pytest.mark.parametrize(
    "text",
    [
        '[hosts.a]\nname = "a"\nports = [0]',
        '[hosts.a]\nname = "a"\nports = [65536]',
        '[hosts.a]\nname = "a"\nports = [true]',
        '[hosts.a]\nname = "a"\nports = "22"',
        '[hosts.a]\nname = "-f"',
        '[hosts.a]\nname = "a"\nother = 1',
        '[urls.a]\nurl = "file:///etc/passwd"',
        '[urls.a]\nurl = "https://user:pw@example.com/"',
        '[urls.a]\nurl = "https://example.com/#x"',
        '[urls.a]\nurl = "https:///x"',
        '[urls.a]\nurl = "https://example.com:0/"',
        '[urls.a]\nurl = "https://example.com:99999/"',
        '[urls.a]\nurl = "https://exa mple.com/"',
        '[urls.a]\nurl = "http://a/\\r\\nHost: b"',
        '[urls.a]\nurl = "https://-f/"',
        '[urls.a]\nurl = "https://a/"\nstatus = 999',
        '[urls.a]\nurl = "https://a/"\ncontains = "a\\nb"',
        '[urls.a]\nurl = "https://a/"\nmethod = "POST"',
        '[plugins.a]\ncommand = "/bin/check"',
        "[plugins.a]\ncommand = []",
        '[plugins.a]\ncommand = ["check_load"]',
        '[plugins.a]\ncommand = ["/usr/lib/../bin/sh"]',
        '[plugins.a]\ncommand = ["/bin/check", "a\\u001bb"]',
        '[plugins.a]\ncommand = ["/bin/check"]\ntimeout_s = 46',
        '[plugins.a]\ncommand = ["/bin/check"]\nshell = true',
        '[plugins."a b"]\ncommand = ["/bin/check"]',
    ],
)
def test_what_is_not_plain_is_refused_with_its_line(text):
    with pytest.raises(SerenoError, match=r"E_POLICY_INVALID.*policy\.toml:\d+") as caught:
        policy.parse(text, PATH)
    assert caught.value.code == "E_POLICY_INVALID"
