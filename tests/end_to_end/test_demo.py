"""`sereno demo`: start, second terminal, second start, Ctrl-C, resume."""

import json
import signal
import socket
import stat

import httpx
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def test_it_starts_serves_other_terminals_stops_and_resumes(demo):
    demo.start()
    told: dict[str, str] = {}
    while "login_link" not in told:
        told |= demo.until("note")
    demo.until("joined", "stage")

    listed = json.loads(demo.sereno("devices", "--json").stdout)
    assert len(listed) == 1
    assert {"name", "id", "health", "last_seen"} <= set(listed[0])
    for command in ("tickets", "runs"):
        assert json.loads(demo.sereno(command, "--json").stdout) == []
    assert json.loads(demo.sereno("ledger", "verify", "--json").stdout)[0]["sound"] is True

    with httpx.Client(follow_redirects=True) as browser:
        assert browser.get(told["login_link"], headers={"accept": "text/html"}).status_code == 200
        page = browser.get(told["url"], headers={"accept": "text/html"})
        assert listed[0]["name"] in page.text

    again = demo.sereno("demo", "--port", str(demo.port), "--data", str(demo.folder), "--exit")
    assert again.returncode == 1
    assert again.stderr.startswith("E_DEMO_RUNNING: ")
    elsewhere = demo.sereno("demo", "--port", str(demo.port), "--data", str(demo.folder) + "-2", "--exit")
    assert elsewhere.returncode == 1
    assert elsewhere.stderr.startswith("E_PORT_TAKEN: ")

    assert demo.interrupt() == 0
    assert demo.left_behind() == []

    demo.start("--exit")
    output, errors = demo.process.communicate(timeout=120)
    assert demo.process.returncode == 0, errors
    assert listed[0]["id"] in output
    assert demo.left_behind() == []


def test_a_demo_that_was_killed_leaves_nothing_in_the_next_ones_way(demo):
    demo.start()
    demo.until("joined", "stage")
    demo.interrupt(signal.SIGKILL)
    assert demo.left_behind() != []
    demo.start("--exit")
    _, errors = demo.process.communicate(timeout=120)
    assert demo.process.returncode == 0, errors
    assert demo.left_behind() == []


def test_private_keys_are_for_their_owner_only(demo):
    demo.start("--exit").communicate(timeout=120)
    for key in (demo.folder / "keys").iterdir():
        if not key.name.endswith(".pub"):
            assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert stat.S_IMODE((demo.folder / "keys").stat().st_mode) == 0o700


def test_a_taken_port_is_told_before_anything_starts(demo):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", demo.port))
        taken.listen()
        _, errors = demo.start("--exit").communicate(timeout=60)
    assert demo.process.returncode == 1
    assert errors.startswith("E_PORT_TAKEN: ")
    assert len(errors.splitlines()) == 1
    assert demo.left_behind() == []
    assert list((demo.folder / "logs").iterdir()) == []
