"""Agents of others, started by a bench on loopback with throw-away configuration, and asked as their servers would.

Debian's packages; one that is not installed is skipped with a message. Nothing of the machine's own configuration or
state is used or touched.
"""

import shutil
import socket
import struct
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

START_S_MAX = 20.0
# What Zabbix's template "Linux by Zabbix agent" asks for on a small machine.
ZABBIX_KEYS = (
    "agent.ping", "agent.version", "kernel.maxfiles", "kernel.maxproc", "proc.num", "proc.num[,,run]",
    "system.boottime", "system.cpu.intr", "system.cpu.load[all,avg1]", "system.cpu.load[all,avg5]",
    "system.cpu.load[all,avg15]", "system.cpu.num", "system.cpu.switches", "system.cpu.util",
    "system.cpu.util[,user]", "system.cpu.util[,nice]", "system.cpu.util[,system]", "system.cpu.util[,iowait]",
    "system.cpu.util[,interrupt]", "system.cpu.util[,softirq]", "system.cpu.util[,steal]", "system.cpu.util[,guest]",
    "system.cpu.util[,guest_nice]", "system.hostname", "system.localtime", "system.sw.arch", "system.swap.size[,total]",
    "system.swap.size[,free]", "system.swap.size[,pfree]", "system.uname", "system.uptime", "system.users.num",
    "vfs.dev.discovery", "vfs.file.cksum[/etc/passwd,sha256]", "vfs.file.contents[/sys/block/vda/stat]",
    "vfs.fs.get", "vfs.fs.inode[/,pfree]", "vfs.fs.size[/,used]", "vfs.fs.size[/,total]", "vfs.fs.size[/,pused]",
    "vm.memory.size[total]", "vm.memory.size[available]", "vm.memory.size[pavailable]", "net.if.discovery",
    "net.if.in[eth0]", "net.if.out[eth0]", "net.if.in[eth0,dropped]", "net.if.out[eth0,dropped]",
    "net.if.in[eth0,errors]", "net.if.out[eth0,errors]",
)  # fmt: skip


@dataclass(frozen=True)
class Peer:
    """One foreign agent: how it is started and how it is asked for everything once."""

    name: str
    program: str
    arguments: Callable[[Path, int], Sequence[str]]  # of its throw-away folder and its port
    ask: Callable[[int], int]  # gives the bytes of the answer; OSError while it does not answer


@dataclass
class Running:
    peer: Peer
    process: subprocess.Popen[bytes]
    port: int
    start_ms: float

    def ask(self) -> int:
        return self.peer.ask(self.port)


def start(peer: Peer, folder: Path, stack: ExitStack) -> Running | None:
    """Starts a peer until the stack is closed; None, with a line on stderr, where it is not installed or fails."""
    program = shutil.which(peer.program, path="/usr/sbin:/usr/bin:/sbin:/bin")
    if program is None:
        sys.stderr.write(f"{peer.name}: skipped, {peer.program} is not installed\n")
        return None
    folder.mkdir()
    port = _free_port()
    with (folder / "output").open("wb") as output:
        began = time.monotonic()
        process = subprocess.Popen(
            [program, *peer.arguments(folder, port)], cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
    stack.callback(_end, process)
    while time.monotonic() - began < START_S_MAX and process.poll() is None:
        try:
            if peer.ask(port):
                return Running(peer, process, port, (time.monotonic() - began) * 1000)
        except (OSError, urllib.error.URLError):
            time.sleep(0.005)
    last = (folder / "output").read_text(errors="replace").strip().splitlines()[-1:]
    sys.stderr.write(f"{peer.name}: skipped, it does not answer: {' '.join(last)}\n")
    return None


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _free_port() -> int:
    for port in range(20_000, 32_768):  # Zabbix takes none above
        with socket.socket() as found:
            try:
                found.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError("no port is free")


def _http(path: str) -> Callable[[int], int]:
    def ask(port: int) -> int:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return len(answer.read())

    return ask


def _node_exporter(_: Path, port: int) -> list[str]:
    return [f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"]


def _zabbix(folder: Path, port: int) -> list[str]:
    settings = {
        "ListenIP": "127.0.0.1",
        "ListenPort": port,
        "Server": "127.0.0.1",
        "Hostname": "bench",
        "LogType": "console",
        "DebugLevel": 1,
        "ControlSocket": folder / "control",
        "PluginSocket": folder / "plugin",
        "Plugins.SystemRun.LogRemoteCommands": 0,
    }
    (folder / "agent.conf").write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
    return ["-f", "-c", str(folder / "agent.conf")]


def _ask_zabbix(port: int) -> int:
    return sum(_zabbix_value(port, key) for key in ZABBIX_KEYS)


def _zabbix_value(port: int, key: str) -> int:
    # Zabbix's passive protocol: a header, then the key; one connection a value.
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(b"ZBXD\x01" + struct.pack("<II", len(key), 0) + key.encode())
        answer = b""
        while part := connection.recv(65_536):
            answer += part
    return len(answer)


def _netdata(folder: Path, port: int) -> list[str]:
    # As Debian ships it, a sample a second; only the folders and the address are ours.
    for name in ("cache", "lib", "log", "lock"):
        (folder / name).mkdir()
    sections = {
        "global": {"run as user": "root"},
        "directories": {name: folder / name for name in ("cache", "lib", "log", "lock")} | {"config": folder},
        "web": {"bind to": "127.0.0.1", "default port": port},
        "cloud": {"enabled": "no"},
        "statsd": {"enabled": "no"},
        "plugin:statsd": {"enabled": "no"},
        "plugins": {"enable running new plugins": "no", "apps": "yes"},
    }
    (folder / "netdata.conf").write_text(
        "".join(
            f"[{name}]\n" + "".join(f"{key} = {value}\n" for key, value in one.items())
            for name, one in sections.items()
        )
    )
    (folder / ".opt-out-from-anonymous-statistics").touch()
    return ["-D", "-c", str(folder / "netdata.conf")]


PEERS = (
    Peer("node_exporter", "prometheus-node-exporter", _node_exporter, _http("/metrics")),
    Peer("zabbix-agent2", "zabbix_agent2", _zabbix, _ask_zabbix),
    Peer("netdata", "netdata", _netdata, _http("/api/v1/allmetrics?format=prometheus")),
)
