"""Plugins of the policy, real and hostile: none outlives its turn, none fills memory, none waits for ever."""

import json
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from sereno_diagnostics import nagios

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="descendants are found in /proc")]
REAL = Path("/usr/lib/nagios/plugins")


def run(command, timeout_s=20.0):
    """In a process of its own, as a worker is: whatever is left below it is ended."""
    code = "import json, sys; from sereno_agent import plugin; r = plugin.run(*json.loads(sys.argv[1]));"
    code += "print(json.dumps(r._asdict()))"
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps([command, timeout_s])],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return json.loads(done.stdout)


def script(tmp_path, text):
    path = tmp_path / "check_it"
    path.write_text(f"#!{sys.executable}\nimport os, sys, time, signal\n{textwrap.dedent(text)}")
    path.chmod(0o755)
    return [str(path)]


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def gone(pid):
    deadline = time.monotonic() + 60
    while alive(pid):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return True


def test_exit_code_and_output_come_back(tmp_path):
    ended = run(script(tmp_path, "print('WARNING | a=1'); print(os.environ); sys.exit(1)"))
    assert (ended["exit_code"], ended["overrun"], ended["left"]) == (1, "", 0)
    assert ended["output"].startswith("WARNING | a=1\n")
    assert "PYTHONPATH" not in ended["output"]
    assert "SERENO" not in ended["output"]


def test_one_that_hangs_and_ignores_signals_is_ended(tmp_path):
    code = "signal.signal(signal.SIGTERM, signal.SIG_IGN); print(os.getpid(), flush=True); time.sleep(600)"
    ended = run(script(tmp_path, code), 3.0)
    assert ended["overrun"] == "time"
    assert ended["exit_code"] == 3
    if ended["output"].strip():
        assert gone(int(ended["output"]))


def test_one_that_never_stops_writing_is_ended(tmp_path):
    ended = run(script(tmp_path, "while True: sys.stdout.write('x' * 65536)"))
    assert ended["overrun"] == "output"
    assert len(ended["output"]) == 64 * 1024


def test_what_it_leaves_behind_is_ended_wherever_it_went(tmp_path):
    ended = run(
        script(
            tmp_path,
            """
            for number in range(5):
                reading, writing = os.pipe()
                if os.fork() == 0:
                    os.setsid()
                    if os.fork() == 0:  # a daemon: of nobody's group, its parent is gone
                        signal.signal(signal.SIGTERM, signal.SIG_IGN)
                        os.write(writing, f"{os.getpid()}\\n".encode())
                        time.sleep(600)
                    os._exit(0)
                print(os.read(reading, 100).decode().strip(), flush=True)
            """,
        )
    )
    pids = ended["output"].split()
    assert (ended["exit_code"], len(pids)) == (0, 5)
    assert ended["left"] >= 5
    assert all(gone(int(pid)) for pid in pids)


def test_it_can_write_no_file_whatever_it_tries(tmp_path):
    target = tmp_path / "written"
    code = f"""
        import resource
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 0))
        except (ValueError, OSError):
            pass
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        try:
            os.write(os.open({str(target)!r}, os.O_WRONLY | os.O_CREAT), b"x" * 100)
        except OSError as error:
            print(error.errno)
        """
    ended = run(script(tmp_path, code))
    assert ended["output"] == "27\n"
    assert target.read_text() == ""


def test_one_that_is_missing_or_no_program_says_so(tmp_path):
    (tmp_path / "text").write_text("no program")
    (tmp_path / "text").chmod(0o755)
    assert run([str(tmp_path / "missing")])["error"]
    assert run([str(tmp_path / "text")])["error"]
    assert run([str(tmp_path)])["error"]


def test_arguments_reach_it_as_they_are_and_no_shell_reads_them(tmp_path):
    words = ["$(touch /x)", "; reboot", "a b", "*", "--", "`id`"]
    ended = run([*script(tmp_path, "print(sys.argv[1:])"), *words])
    assert ended["output"].strip() == str(words)


@pytest.mark.skipif(not (REAL / "check_load").exists(), reason="monitoring-plugins-basic is not installed")
def test_stock_plugins_are_understood():
    load = run([str(REAL / "check_load"), "-w", "999,999,999", "-c", "9999,9999,9999"])
    said = nagios.parse(load["output"])
    assert load["exit_code"] == 0
    assert {figure.label for figure in said.figures} >= {"load1", "load5", "load15"}
    disk = run([str(REAL / "check_disk"), "-w", "0%", "-c", "0%", "-p", "/"])
    assert nagios.parse(disk["output"]).figures[0].label == "/"
    assert run([str(REAL / "check_procs"), "-c", "0:0"])["exit_code"] == 2
    assert run([str(REAL / "check_load"), "--nonsense"])["exit_code"] == 3
