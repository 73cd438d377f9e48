from pathlib import Path

import pytest

from sereno_proto.errors import BadInput
from sereno_server.config import load


def test_a_variable_wins_over_the_file_which_wins_over_the_default(tmp_path: Path) -> None:
    file = tmp_path / "server.toml"
    file.write_text('http_port = 9000\nlink_port = 9001\ndata_dir = "/srv/x"\nforecast_interval_s = 5\n')
    settings = load(file, {"SERENO_LINK_PORT": "9002", "SERENO_COLLECT_INTERVAL_MS": "1000", "UNRELATED": "x"})
    assert (settings.http_port, settings.link_port, settings.enroll_port) == (9000, 9002, 7444)
    assert settings.data_dir == Path("/srv/x")
    assert settings.forecast_interval_s == 5.0
    assert settings.collect_interval_ms == 1000


def test_agents_are_told_the_public_host_unless_an_address_is_set() -> None:
    settings = load(None, {"SERENO_PUBLIC_URL": "https://sereno.example:8443", "SERENO_ENROLL_ADDRESS": "e.example:1"})
    assert settings.link_target() == "sereno.example:7443"
    assert settings.enroll_target() == "e.example:1"


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("http_prot = 1", "unknown key http_prot"),
        ('http_port = "many"', "http_port"),
        ("http_port = 70000", "http_port"),
        ("http_port = true", "http_port"),
        ("data_dir = 7", "data_dir"),
        ("forecast_interval_s = 0", "forecast_interval_s"),
        ("collect_interval_ms = -1", "collect_interval_ms"),
        ('public_url = "example"', "public_url"),
        ("http_port", "server.toml"),
    ],
)
def test_a_bad_setting_is_one_error_that_names_it(tmp_path: Path, content: str, named: str) -> None:
    file = tmp_path / "server.toml"
    file.write_text(content)
    with pytest.raises(BadInput) as caught:
        load(file, {})
    assert caught.value.code == "E_CONFIG"
    assert named in caught.value.what


def test_a_missing_file_and_a_bad_variable_are_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"missing\.toml"):
        load(tmp_path / "missing.toml", {})
    with pytest.raises(BadInput, match="SERENO_HTTP_PORT"):
        load(None, {"SERENO_HTTP_PORT": "x"})
