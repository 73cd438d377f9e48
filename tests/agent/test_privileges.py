"""The executor's privileges come from the owner's policy: nothing is granted that no allowed action needs."""

from pathlib import Path

from sereno_agent.policy import parse
from sereno_agent.privileges import NEEDS, drop_in, granted, needs
from sereno_playbooks import registry

PATH = Path("/etc/sereno-agent/policy.toml")
NAMED = """
[folders.logs]
path = "/var/log/my app"
rotate = ["*.log"]
[folders.measured]
path = "/srv/data"
[files.conf]
path = "/etc/app/100%.conf"
restore = true
[files.watched]
path = "/etc/passwd"
"""


def test_without_an_allowed_action_there_is_no_privilege() -> None:
    text = drop_in(parse(NAMED, PATH), PATH)
    assert "ReadWritePaths" not in text
    assert "CAP_" not in text


def test_an_allowed_action_may_write_where_the_policy_lets_it_and_nowhere_else() -> None:
    policy = parse(NAMED + '[actions]\nallow = ["rotate_logs"]\n', PATH)
    assert [str(path) for path in granted(policy)] == ["/var/log/my app"]
    assert 'ReadWritePaths=-"/var/log/my app"\n' in drop_in(policy, PATH)
    both = parse(NAMED + '[actions]\nallow = ["rotate_logs", "restore_file"]\n', PATH)
    assert [str(path) for path in granted(both)] == ["/etc/app", "/var/log/my app"]
    assert "AmbientCapabilities=CAP_CHOWN CAP_DAC_OVERRIDE CAP_FOWNER\n" in drop_in(both, PATH)


def test_each_action_brings_what_it_says_that_it_needs_and_nothing_else() -> None:
    def lines(*actions: str) -> list[str]:
        allowed = ", ".join(f'"{name}"' for name in actions)
        text = drop_in(parse(f"{NAMED}[actions]\nallow = [{allowed}]\n", PATH), PATH)
        return [line for line in text.splitlines() if not line.startswith("#")][1:]

    assert lines("kill_process", "renice_process") == [
        "CapabilityBoundingSet=CAP_KILL CAP_SYS_NICE", "AmbientCapabilities=CAP_KILL CAP_SYS_NICE",
        "ProtectProc=default",
    ]  # fmt: skip
    assert lines("restart_service")[0] == "User=root"
    assert not any("Protect" in line for line in lines("restart_service"))
    assert "ProtectSystem=no" in lines("clear_package_cache", "rotate_logs")
    assert needs(parse(NAMED + '[actions]\nallow = ["no_such", "kill_process"]\n', PATH)) == {"kill": ["kill_process"]}
    assert all(need in NEEDS for name in registry.names() for need in registry.get(name).NEEDS)


def test_a_path_is_quoted_as_systemd_reads_it() -> None:
    policy = parse(
        '[folders.a]\npath = "/srv/100% \\"x\\""\nrotate = ["*"]\n[actions]\nallow = ["rotate_logs"]\n', PATH
    )
    assert 'ReadWritePaths=-"/srv/100%% \\"x\\""\n' in drop_in(policy, PATH)
