"""Users, cron, kernel, mounts, network, ports, services, firewall: a file changes, one change says what."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.agent.collectors.machine import Machine

from sereno_agent.collectors import network_changes_linux as network
from sereno_agent.collectors import port_changes_linux as ports
from sereno_agent.collectors import service_changes_linux as services
from sereno_agent.host import Host
from sereno_agent.policy import Policy
from sereno_agent.tcp_sockets import packed


def told(machine: Machine, after_s: float = 60.0) -> list[str]:
    return [change.summary for change in machine.look(after_s)]


PASSWD = "root:x:0:0:root:/root:/bin/bash\nwww-data:x:33:33::/var/www:/usr/sbin/nologin\n"


def test_users_groups_sudo_and_keys(tmp_path: Path) -> None:
    machine = Machine("user_changes", tmp_path)
    machine.write("/etc/passwd", PASSWD)
    machine.write("/etc/group", "sudo:x:27:iker\nsmb-office:x:1001:\n")
    machine.write("/etc/shadow", "root:$6$abcdefgh$secret:19000:0:99999:7:::\n")
    machine.write("/etc/sudoers", "# comment\nroot ALL=(ALL:ALL) ALL\n")
    assert told(machine) == []
    assert machine.facts == {"user.root": "uid 0, /bin/bash", "group.sudo": "iker"}
    machine.write("/etc/passwd", PASSWD + "till:x:1004:1004:Till 4,,,:/home/till:/bin/bash\n")
    machine.write("/etc/group", "sudo:x:27:till,iker\nsmb-office:x:1001:till\n")
    machine.write("/etc/shadow", "root:$6$abcdefgh$other:19500:0:99999:7:::\n")
    machine.write("/etc/sudoers.d/till", "till ALL=(ALL) NOPASSWD: ALL\n")
    machine.write("/root/.ssh/authorized_keys", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIexample1234 noa@desk\n")
    changes = machine.look()
    assert [(change.kind, change.summary) for change in changes] == [
        ("group", "group smb-office changed: gid 1001: no members to gid 1001: till"),
        ("group", "group sudo changed: gid 27: iker to gid 27: iker, till"),
        ("password", "password root changed: set, day 19000 to set, day 19500"),
        ("sshkey", "sshkey root appeared: ssh-ed25519 …Iexample1234 noa@desk"),
        ("sudo", "sudo /etc/sudoers.d/till appeared: till ALL=(ALL) NOPASSWD ALL"),
        ("user", "user till appeared: uid 1004, gid 1004, home /home/till, shell /bin/bash, Till 4"),
    ]
    assert not any("$6$" in change.diff or "secret" in change.diff for change in changes)


def test_comments_of_a_cron_table_change_nothing(tmp_path: Path) -> None:
    machine = Machine("schedule_changes", tmp_path)
    machine.write("/etc/cron.d/backup", "# nightly\n30 1 * * * root /usr/local/sbin/backup --password=hunter2\n")
    assert told(machine) == []
    machine.write("/etc/cron.d/backup", "# each night\n30 1 * * * root /usr/local/sbin/backup --password=hunter2\n")
    assert told(machine) == []
    machine.write("/etc/cron.d/backup", "30 2 * * * root /usr/local/sbin/backup --password=hunter2\n")
    (change,) = machine.look()
    assert change.diff == (
        "-30 1 * * * root /usr/local/sbin/backup --password=[redacted]\n"
        "+30 2 * * * root /usr/local/sbin/backup --password=[redacted]\n"
    )
    machine.write("/etc/cron.d/backup", "30 2 * * * root /usr/local/sbin/backup --password=swordfish\n")
    assert told(machine) == ["cron /etc/cron.d/backup changed: only secrets differ"]
    kept = b"".join(path.read_bytes() for path in machine.folders.snapshots.iterdir())
    assert b"swordfish" not in kept
    assert b"hunter2" not in kept


def test_a_policy_that_redacts_more_makes_no_change(tmp_path: Path) -> None:
    machine = Machine("schedule_changes", tmp_path)
    machine.write("/etc/crontab", "1 1 * * * root send 4711\n")
    assert told(machine) == []
    machine.policy = Policy(redact=(r"send (\d+)",))
    assert told(machine) == []
    machine.write("/etc/crontab", "1 1 * * * root send 4712\n")
    assert told(machine) == ["cron /etc/crontab changed: only secrets differ"]


def test_kernel_settings_and_modules(tmp_path: Path) -> None:
    machine = Machine("kernel_changes", tmp_path)
    machine.write("/proc/sys/vm/swappiness", "60\n")
    machine.write("/proc/sys/kernel/osrelease", "6.1.0-18-amd64\n")
    machine.write("/proc/modules", "ext4 1 2 - Live 0x0\n")
    assert told(machine) == []
    assert machine.facts == {"system.kernel": "6.1.0-18-amd64"}
    machine.write("/proc/sys/vm/swappiness", "10\n")
    machine.write("/proc/modules", "ext4 1 2 - Live 0x0\nnfs 1 2 - Live 0x0\n")
    assert told(machine) == ["module nfs appeared: loaded", "sysctl vm.swappiness changed: 60 to 10"]


def test_a_file_system_that_turns_read_only(tmp_path: Path) -> None:
    machine = Machine("mount_changes", tmp_path)
    mounts = "/dev/sda1 / ext4 rw,relatime 0 0\nproc /proc proc rw 0 0\n/dev/sdb1 /srv/my\\040share xfs rw,noexec 0 0\n"
    machine.write("/proc/self/mounts", mounts + "overlay /var/lib/docker/overlay2/a/merged overlay rw 0 0\n")
    assert told(machine) == []
    assert machine.facts == {"mount./": "/dev/sda1 ext4 rw", "mount./srv/my share": "/dev/sdb1 xfs noexec,rw"}
    machine.write("/proc/self/mounts", mounts.replace("xfs rw", "xfs ro"))
    assert told(machine) == ["mount /srv/my share changed: /dev/sdb1 xfs noexec,rw to /dev/sdb1 xfs noexec,ro"]


def test_resolvers_and_routes(tmp_path: Path) -> None:
    machine = Machine("network_changes", tmp_path)
    machine.write("/etc/resolv.conf", "# by hand\nnameserver 10.0.0.53\n")
    header = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"
    machine.write("/proc/net/route", header + "eth0\t00000000\t0102000A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n")
    assert told(machine) == []
    assert machine.facts["network.resolvers"] == "10.0.0.53"
    assert machine.facts["network.route.default"] == "via 10.0.2.1 on eth0"
    machine.write("/etc/resolv.conf", "nameserver 10.0.0.54\n")
    assert told(machine) == ["dns /etc/resolv.conf changed: nameserver 10.0.0.53 to nameserver 10.0.0.54"]


def test_temporary_addresses_are_left_out() -> None:
    text = "fd000000000000000000000000000002 02 40 00 81 eth0\nfd000000000000000000000000000003 02 40 00 80 eth0\n"
    assert network.temporary(text) == {"fd00::2"}


TCP = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"


def socket(address: str, inode: int, state: str = "0A") -> str:
    return f"   0: {address} 00000000:0000 {state} 00000000:00000000 00:00000000 00000000     0        0 {inode} 1\n"


def test_a_port_counts_when_it_stays(tmp_path: Path) -> None:
    machine = Machine("port_changes", tmp_path)
    machine.write("/proc/net/tcp", TCP + socket("00000000:0016", 11))
    assert told(machine) == []
    assert machine.facts == {"port.tcp/22": "every address"}
    machine.write("/proc/net/tcp", TCP + socket("00000000:0016", 11) + socket("0100007F:1F90", 12))
    machine.write("/proc/77/comm", "orders-api\n")
    (machine.root / "proc/77/fd").mkdir()
    (machine.root / "proc/77/fd/3").symlink_to("socket:[12]")
    assert told(machine) == []
    assert told(machine) == ["port tcp/8080 appeared: 127.0.0.1, orders-api"]


def test_a_port_that_comes_and_goes_is_one_line_with_a_count_until_it_rests(tmp_path: Path) -> None:
    machine = Machine("port_changes", tmp_path)
    ssh, other = socket("00000000:0016", 11), socket("00000000:1F90", 12)
    machine.write("/proc/net/tcp", TCP + ssh)
    told(machine)
    said = []
    for there in [True, False] * 6:
        machine.write("/proc/net/tcp", TCP + ssh + (other if there else ""))
        said += told(machine) + told(machine)
    assert said == [
        "port tcp/8080 appeared: every address",
        "port tcp/8080 was removed",
        "port tcp/8080 appeared: every address",
        "port tcp/8080 changed: every address to comes and goes, 4 times within an hour",
    ]
    assert told(machine, 1800) == []
    assert told(machine, 3600) == ["port tcp/8080 was removed"]


def test_ports_that_the_kernel_gave_out_count_where_others_reach_them(tmp_path: Path) -> None:
    machine = Machine("port_changes", tmp_path)
    machine.write("/proc/sys/net/ipv4/ip_local_port_range", "32768\t60999\n")
    machine.write("/proc/net/tcp", TCP)
    told(machine)
    machine.write("/proc/net/tcp", TCP + socket("0100007F:9C40", 12) + socket("00000000:9C41", 13))
    assert told(machine) + told(machine) == ["port tcp/40001 appeared: every address"]


def test_addresses_of_proc_are_readable() -> None:
    assert ports.readable(packed("0100007F")) == "127.0.0.1"
    assert ports.readable(packed("00000000000000000000000001000000")) == "::1"
    assert ports.readable(packed("0000000000000000FFFF00000100007F")) == "127.0.0.1"
    assert ports.readable(packed("0" * 32)) == "every address"


SHOWN = """Id=nginx.service
Type=forking
LoadState=loaded
ActiveState={nginx}
SubState=running
UnitFileState=enabled
Result={result}

Id=apt-daily.service
Type=oneshot
LoadState=loaded
ActiveState={apt}
SubState=dead
UnitFileState=static
Result=success

Id=gone.service
LoadState=not-found
ActiveState=inactive

Id=run-u12.service
Type=simple
LoadState=loaded
ActiveState=active
UnitFileState=transient
"""


def test_services_and_what_timers_start(tmp_path: Path) -> None:
    machine = Machine("service_changes", tmp_path)
    machine.write("/run/systemd/system/x", "")
    state = {"nginx": "active", "result": "success", "apt": "inactive"}
    machine.answers = lambda command: SHOWN.format(**state) if command[0] == "systemctl" else None
    assert told(machine) == []
    assert machine.facts == {
        "service.nginx.service": "running, enabled",
        "service.apt-daily.service": "idle, static",
    }
    state.update(apt="activating")
    assert told(machine) == []
    state.update(nginx="deactivating")
    assert told(machine) == []
    state.update(nginx="failed", result="exit-code")
    assert told(machine) == ["service nginx.service changed: running, enabled to failed (exit-code), enabled"]


def test_a_systemd_that_does_not_answer_takes_no_service_away(tmp_path: Path) -> None:
    machine = Machine("service_changes", tmp_path)
    machine.write("/run/systemd/system/x", "")
    with pytest.raises(OSError, match="systemctl"):
        machine.look()


def test_unit_files_drop_ins_and_what_is_enabled(tmp_path: Path) -> None:
    machine = Machine("service_changes", tmp_path)
    machine.write("/etc/systemd/system/orders.service", "[Service]\nExecStart=/opt/orders\n")
    assert told(machine) == []
    machine.write("/etc/systemd/system/nginx.service.d/limits.conf", "[Service]\nLimitNOFILE=1024\n")
    wants = machine.root / "etc/systemd/system/multi-user.target.wants"
    wants.mkdir()
    (wants / "orders.service").symlink_to("/etc/systemd/system/orders.service")
    assert told(machine) == [
        "unit /etc/systemd/system/nginx.service.d/limits.conf appeared",
        "unit orders.service in multi-user.target.wants appeared: started with it",
    ]


def test_a_unit_without_systemd_is_nothing() -> None:
    assert services.states("", {}) == {}
    assert services.states("nonsense\n\nId=\n", {}) == {}


def test_firewall_counters_are_no_change(tmp_path: Path) -> None:
    machine = Machine("firewall_changes", tmp_path)
    rules = ":INPUT ACCEPT [{n}:99]\n-A INPUT -p tcp --dport 22 -j ACCEPT\n"
    machine.write("/etc/iptables/rules.v4", rules.format(n=1))
    assert told(machine) == []
    machine.write("/etc/iptables/rules.v4", "# Generated on Mon\n" + rules.format(n=2))
    assert told(machine) == []
    machine.write("/etc/iptables/rules.v4", rules.format(n=3).replace("ACCEPT\n", "DROP\n"))
    (change,) = machine.look()
    assert "--- /etc/iptables/rules.v4 before" in change.diff
    assert "+-A INPUT -p tcp --dport 22 -j DROP" in change.diff


def test_rules_in_force_are_read_as_root_only(tmp_path: Path) -> None:
    from sereno_agent.collectors.firewall_changes_linux import read

    asked: list[str] = []

    def ask(command: Sequence[str], *_: object) -> None:
        asked.append(command[0])

    read(Host(str(tmp_path), ask, privileged=False))
    assert asked == []
    read(Host(str(tmp_path), ask, privileged=True))
    assert asked == ["nft", "iptables-save", "ip6tables-save"]


def test_hardware_and_system(tmp_path: Path) -> None:
    machine = Machine("inventory", tmp_path)
    machine.write("/etc/os-release", 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nVERSION_ID="12"\n')
    machine.write("/etc/debian_version", "12.7\n")
    machine.write("/proc/cpuinfo", "processor\t: 0\nmodel name\t: EPYC\n\nprocessor\t: 1\nmodel name\t: EPYC\n")
    machine.write("/proc/meminfo", "MemTotal:       16777216 kB\n")
    machine.write("/sys/block/sda/size", "2097152\n")
    machine.write("/sys/block/loop0/size", "2097152\n")
    machine.write("/sys/block/sda/device/model", "QEMU DISK\n")
    assert told(machine) == []
    assert machine.facts["system.os"] == "Debian GNU/Linux 12 (bookworm)"
    assert machine.facts["system.os_version"] == "12.7"
    assert machine.facts["hardware.processor"] == "2 x EPYC"
    assert machine.facts["hardware.memory"] == "16.0 GiB"
    assert machine.facts["hardware.disk.sda"] == "1.0 GiB QEMU DISK"
    assert "hardware.disk.loop0" not in machine.facts
    machine.write("/proc/meminfo", "MemTotal:       8388608 kB\n")
    assert told(machine) == ["hardware memory changed: 16.0 GiB to 8.0 GiB"]


def test_six_of_a_kind_are_one_change(tmp_path: Path) -> None:
    machine = Machine("kernel_changes", tmp_path)
    machine.write("/proc/modules", "")
    assert told(machine) == []
    machine.write("/proc/modules", "".join(f"mod{n} 1 2 - Live 0x0\n" for n in range(6)))
    assert told(machine) == ["6 modules: 6 new (mod0, mod1, mod2, …)"]


def test_a_machine_without_anything_is_no_error(tmp_path: Path) -> None:
    for name in ("user", "schedule", "kernel", "mount", "network", "port", "service", "firewall", "package"):
        assert told(Machine(f"{name}_changes", tmp_path)) == []
