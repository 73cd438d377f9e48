"""A check reads what it declares, and nothing else; commands take only what their gaps allow."""

import pytest

from sereno_diagnostics import registry, templates
from sereno_diagnostics.allowed import Allowed
from sereno_diagnostics.reading import Reader
from sereno_diagnostics.reading_commands import COMMANDS, vector
from sereno_proto.errors import SerenoError


class Everything:
    """A machine that would tell all."""

    def read(self, path):
        return "secret"

    def names(self, folder):
        return ["secret"]

    def ask(self, *command, timeout_s, codes, scratch):
        return " ".join(command)


@pytest.fixture
def reader(tmp_path):
    reader = Reader(Allowed(tmp_path), machine=Everything())
    reader.declare(("/proc/*/stat", "/proc/net/dev", "unit", "/etc/apt/apt.conf.d/*"))
    return reader


@pytest.mark.parametrize(
    "path",
    [
        "/etc/shadow",
        "/proc/1/environ",
        "/proc/1/2/stat",
        "/proc//stat",
        "/proc/net/dev/x",
        "/etc/apt/apt.conf.d/../../shadow",
        "/etc/apt/apt.conf.d/..",
        "/etc/apt/apt.conf.d/x/y",
        "unit",
        "",
    ],
)
def test_a_file_that_is_not_declared_is_refused(reader, path):
    if path == "unit":
        with pytest.raises(SerenoError, match="E_OUTSIDE_POLICY"):
            reader.told("units")
        return
    with pytest.raises(SerenoError, match="E_OUTSIDE_POLICY"):
        reader.text(path)


def test_what_is_declared_is_read_and_its_folders_listed(reader):
    assert reader.text("/proc/1/stat") == "secret"
    assert reader.names("/proc") == ["secret"]
    assert reader.names("/etc/apt/apt.conf.d") == ["secret"]
    assert reader.told("unit", unit="nginx.service").endswith("nginx.service")
    for folder in ("/etc", "/proc/1", "/proc/net", "/"):
        with pytest.raises(SerenoError, match="E_OUTSIDE_POLICY"):
            reader.names(folder)


def test_two_stars_at_the_end_mean_whatever_lies_below(reader):
    reader.declare(("/var/spool/x/**",))
    assert reader.names("/var/spool/x") == reader.names("/var/spool/x/a/b") == ["secret"]
    assert reader.text("/var/spool/x/a/b/c") == "secret"
    for folder in ("/var/spool", "/var/spool/xy", "/var/spool/x/../y", "/var/spool/x/.."):
        with pytest.raises(SerenoError, match="E_OUTSIDE_POLICY"):
            reader.names(folder)


def test_a_reader_without_a_check_reads_nothing(tmp_path):
    with pytest.raises(SerenoError, match="E_OUTSIDE_POLICY"):
        Reader(Allowed(tmp_path), machine=Everything()).text("/proc/uptime")


@pytest.mark.parametrize(
    ("command", "gaps"),
    [
        ("unit", {"unit": "--property=x"}),
        ("unit", {"unit": "nginx.service\nother"}),
        ("unit", {"unit": ""}),
        ("ping", {"host": "-f"}),
        ("ping", {"host": "a b"}),
        ("ping", {"host": "a;reboot"}),
        ("smart_disk", {"device": "/etc/shadow"}),
        ("smart_disk", {"device": "/dev/sda -d x"}),
        ("container_docker", {"container": "--help"}),
        ("journal_errors", {"hours": "-1"}),
        ("journal_errors", {"hours": "1; x"}),
    ],
)
def test_a_gap_takes_no_option_and_nothing_that_was_not_meant(command, gaps):
    with pytest.raises(SerenoError, match="E_PARAMETER"):
        vector(command, gaps)


WRITERS = {"sh", "bash", "env", "sudo", "python3", "rm", "mv", "cp", "dd", "tee", "kill", "mount", "smartctl -t"}


def test_the_commands_are_readers_by_vector_and_never_a_shell():
    for name, command in COMMANDS.items():
        assert command.vector[0] not in WRITERS, name
        assert command.timeout_s < 60
        assert not any(
            word in {"start", "stop", "restart", "reload", "--now", "install", "vacuum"} for word in command.vector
        )
    assert "--simulate" in COMMANDS["apt_waiting"].vector


def test_every_check_runs_where_nothing_can_be_told(tmp_path, place):
    """A machine without systemd, journal, packages and rights gives words, never an error."""
    reader_of = place({}).reader
    chosen = {"folder": "app-logs", "file": "app-config", "service": "web", "host": "database", "log": "app"}
    for name in registry.names():
        parameters = {
            one.name: chosen[one.kind]
            for one in registry.get(name).PARAMETERS
            if one.default is None
            if one.kind in chosen
        }
        if any(one.default is None and one.kind not in chosen for one in registry.get(name).PARAMETERS):
            continue
        if name in {"port_reachable", "host_reachable"}:
            continue
        assert registry.run(name, parameters, reader_of()).findings, name


def test_templates_take_out_what_varies():
    assert (
        templates.template("user 17 from 10.0.0.1:99 took 3.5 s at 2027-01-15T10:00:00Z")
        == "user * from * took * s at *"
    )
    assert templates.template("x" * 10_000) == "x" * 400
    many = [(0.0, "a", " ".join("xy"[int(bit)] * 9 for bit in f"{n:014b}")) for n in range(3000)]
    assert len(templates.grouped(many)) == 2000
