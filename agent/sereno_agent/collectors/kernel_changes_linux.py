"""The running kernel, its command line, its modules, and the settings (sysctl) that people tune."""

from typing import Final

from sereno_agent.comparison import Comparison, State
from sereno_agent.host import Host
from sereno_agent.reading import Collect, Surroundings

INTERVAL_MS: Final = 60_000
# Settings that are somebody's decision. /proc/sys holds a thousand, of which many move by themselves.
_SETTINGS: Final = (
    "fs.aio-max-nr", "fs.file-max", "fs.inotify.max_user_instances", "fs.inotify.max_user_watches", "fs.nr_open",
    "fs.protected_hardlinks", "fs.protected_symlinks", "fs.suid_dumpable", "kernel.core_pattern",
    "kernel.dmesg_restrict", "kernel.domainname", "kernel.hostname", "kernel.kptr_restrict",
    "kernel.modules_disabled", "kernel.msgmax", "kernel.osrelease", "kernel.panic", "kernel.panic_on_oops",
    "kernel.perf_event_paranoid", "kernel.pid_max", "kernel.randomize_va_space", "kernel.sem", "kernel.shmall",
    "kernel.shmmax", "kernel.sysrq", "kernel.threads-max", "kernel.unprivileged_bpf_disabled",
    "kernel.yama.ptrace_scope", "net.core.default_qdisc", "net.core.netdev_max_backlog", "net.core.rmem_max",
    "net.core.somaxconn", "net.core.wmem_max", "net.ipv4.conf.all.accept_redirects",
    "net.ipv4.conf.all.accept_source_route", "net.ipv4.conf.all.rp_filter", "net.ipv4.conf.all.send_redirects",
    "net.ipv4.icmp_echo_ignore_all", "net.ipv4.ip_forward", "net.ipv4.ip_local_port_range",
    "net.ipv4.tcp_congestion_control", "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_max_syn_backlog", "net.ipv4.tcp_rmem", "net.ipv4.tcp_syncookies", "net.ipv4.tcp_tw_reuse",
    "net.ipv4.tcp_wmem", "net.ipv6.conf.all.disable_ipv6", "net.ipv6.conf.all.forwarding",
    "net.netfilter.nf_conntrack_max", "vm.dirty_background_ratio", "vm.dirty_ratio", "vm.max_map_count",
    "vm.min_free_kbytes", "vm.nr_hugepages", "vm.overcommit_memory", "vm.overcommit_ratio", "vm.panic_on_oom",
    "vm.swappiness", "vm.vfs_cache_pressure",
)  # fmt: skip
_FOLDERS: Final = ("/etc/sysctl.d", "/etc/modprobe.d", "/etc/modules-load.d")


def make(surroundings: Surroundings) -> Collect:
    return Comparison("kernel_changes", lambda: read(surroundings.host), surroundings).collect


def read(host: Host) -> State:
    """The settings in force and the files that set them at the next start."""
    values: dict[str, str] = {}
    for name in _SETTINGS:
        path = "/proc/sys/" + name.replace(".", "/")
        text = host.read(path)
        if text is not None:
            values[f"sysctl {name}"] = " ".join(text.split())
    if command_line := host.line("/proc/cmdline"):
        values["kernel command line"] = command_line
    for line in (host.read("/proc/modules") or "").splitlines():
        values[f"module {line.partition(' ')[0]}"] = "loaded"
    for folder in _FOLDERS:
        for name in host.names(folder):
            if name.endswith(".conf") and (text := host.read(f"{folder}/{name}")) is not None:
                values[f"sysctl {folder}/{name}"] = text
    if (text := host.read("/etc/sysctl.conf")) is not None:
        values["sysctl /etc/sysctl.conf"] = text
    running = values.get("sysctl kernel.osrelease", "")
    return State(values, {"system.kernel": running} if running else {})
