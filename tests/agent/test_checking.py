"""A check in its worker: secrets are taken out of what it found, and its own time ends it."""

import json
import sys
import time

import pytest

from sereno_agent import checking, policy, workers
from sereno_proto.errors import SerenoError


@pytest.fixture
def place(tmp_path):
    state = tmp_path.resolve() / "state"
    state.mkdir()
    logs = tmp_path.resolve() / "logs"
    logs.mkdir()
    (logs / "app.log").write_text("ERROR login failed password=hunter2hunter\nERROR customer Zoe\n")
    path = tmp_path / "policy.toml"
    path.write_text(
        f'[logs.app]\npath = "{logs}/*.log"\n[redact]\npatterns = ["Zoe"]\n[folders.logs]\npath = "{logs}"\n'
    )
    return path, state


def evidence(result):
    return " ".join(f"{row.key} {row.value}" for finding in result.findings for row in finding.evidence)


def test_secrets_stay_here_also_those_that_only_the_server_wished_to_hide(place):
    path, state = place
    wished = {"collect_interval_ms": 0, "collectors_denied": [], "redact_words": ["login"], "actions": []}
    (state / "wants.json").write_text(json.dumps(wished))
    found = evidence(checking.run("log_errors", {"log": "app"}, policy.load(path), path, state))
    assert "hunter2" not in found
    assert "Zoe" not in found
    assert "login" not in found
    assert "customer" in found


def test_a_check_that_takes_too_long_is_ended():
    started = time.monotonic()
    with pytest.raises(SerenoError, match="E_WORKER_LIMIT"):
        checking.within(0.05, lambda: time.sleep(30))
    assert time.monotonic() - started < 25


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="plugins are swept by /proc")
def test_through_the_real_worker_and_a_plugin_that_tries_to_write(place):
    path, state = place
    plugin = path.parent / "check_x"
    target = path.parent / "written"
    plugin.write_text(f'#!/bin/sh\n(echo x > {target}) 2>/dev/null\nwc -c < {target}\necho "| n=1"\nexit 2\n')
    plugin.chmod(0o755)
    path.write_text(path.read_text() + f'[plugins.x]\ncommand = ["{plugin}"]\n')
    result = workers.run_check_sync("plugin", {"plugin": "x"}, policy_path=path, state=state)
    assert result.findings[0].figures["exit_code"] == 2
    assert not target.exists() or not target.read_text()
    for name, given in (
        ("plugin", {"plugin": "y"}),
        ("http_probe", {"url": "http://x/"}),
        ("port_reachable", {"host": "1.2.3.4"}),
    ):
        with pytest.raises(SerenoError, match=r"E_OUTSIDE_POLICY|E_PARAMETER"):
            workers.run_check_sync(name, given, policy_path=path, state=state)
