"""A server set up by hand: init, serve, and the first administrator's way in."""

import json
import os
import signal
import socket
import subprocess
import sys
import time

import httpx
import pytest

from sereno_proto.limits import SAMPLE_DAYS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_init_makes_a_server_that_its_administrator_can_enter(tmp_path):
    tmp_path.chmod(0o755)
    port = free_port()
    environment = {key: value for key, value in os.environ.items() if not key.startswith("SERENO_")}
    environment |= {"SERENO_LINK_PORT": "0", "SERENO_ENROLL_PORT": "0", "SERENO_HTTP_PORT": str(port)}
    sereno = [sys.executable, "-m", "sereno_server.cli.main"]
    url = f"http://localhost:{port}"
    how = {"cwd": tmp_path, "env": environment, "text": True}
    made = subprocess.run(
        [*sereno, "init", "--data", "data", "--public-url", url], capture_output=True, check=False, **how
    )
    assert made.returncode == 0, made.stderr
    link = next(line for line in made.stdout.splitlines() if line.startswith(f"{url}/enter/"))
    server = subprocess.Popen([*sereno, "serve"], stderr=subprocess.PIPE, **how)
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                assert httpx.get(f"{url}/readyz").text == "ready\n"
                break
            except httpx.TransportError:
                assert time.monotonic() < deadline
                assert server.poll() is None, server.stderr.read()
                time.sleep(0.1)
        entered = httpx.get(link)
        assert entered.headers["location"] == "/"
        again = subprocess.run([*sereno, "login-link", "admin"], capture_output=True, check=True, **how)
        assert again.stdout.startswith(f"{url}/enter/")
        use = subprocess.run([*sereno, "store", "--json"], capture_output=True, check=True, **how)
        kinds = {one["kind"]: one for one in json.loads(use.stdout)}
        assert kinds["samples"]["kept_days"] == SAMPLE_DAYS
        assert kinds["the whole database"]["bytes"] >= sum(kinds[name]["bytes"] for name in ("samples", "ledger"))
        shown = subprocess.run([*sereno, "store"], capture_output=True, check=True, **how)
        assert "hourly rollups" in shown.stdout
        assert "are free" in shown.stdout
        second = subprocess.run([*sereno, "serve"], capture_output=True, check=False, **how)
        assert second.returncode == 1
        assert second.stderr.splitlines()[-1].startswith("E_SERVER_RUNNING: ")
        assert httpx.get(f"{url}/readyz").text == "ready\n"
    finally:
        server.send_signal(signal.SIGTERM)
        server.communicate(timeout=30)
    assert server.returncode == 0
