"""The rules of the house that no linter knows: each is a test that fails."""

import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("proto", "diagnostics", "playbooks", "agent", "server")
LINES_MAX = 400
FORBIDDEN_NAMES = {"utils", "util", "common", "helpers", "helper", "manager", "misc", "base"}
REGISTRY_HOSTS = re.compile(r"pypi\.org|pythonhosted\.org|registry\.npmjs|npmjs\.org|deb\.debian\.org")
MACHINE_PATHS = re.compile(r"(?<![\w.])/(?:work|root/w)/[\w.]")
THIS_FILE = Path(__file__).name


@cache
def tracked() -> list[Path]:
    """The files of the repository, as git knows them; everything below the root where there is no git."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


def code() -> list[Path]:
    """Python files that a person wrote."""
    return [path for path in tracked() if path.suffix == ".py" and not re.search(r"_pb2(_grpc)?\.py$", path.name)]


def text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


def test_no_file_grows_past_its_idea() -> None:
    long = {str(path.relative_to(ROOT)): n for path in code() if (n := len(path.read_text().splitlines())) > LINES_MAX}
    assert not long, f"past {LINES_MAX} lines, look for the missing seam: {long}"


def test_names_say_what_is_inside() -> None:
    vague = [path.relative_to(ROOT) for path in code() if {path.stem, path.parent.name} & FORBIDDEN_NAMES]
    assert not vague


def test_no_registry_host_in_any_file() -> None:
    found = [
        path.relative_to(ROOT) for path in tracked() if path.name != THIS_FILE and REGISTRY_HOSTS.search(text_of(path))
    ]
    assert not found


def test_no_absolute_path_of_a_machine() -> None:
    found = [
        path.relative_to(ROOT) for path in tracked() if path.name != THIS_FILE and MACHINE_PATHS.search(text_of(path))
    ]
    assert not found


def test_lock_files_name_no_addresses() -> None:
    for path in tracked():
        assert path.name != "uv.lock"
        if path.name == "package-lock.json":
            assert '"resolved": "http' not in text_of(path)


def test_every_package_is_typed() -> None:
    for folder in PACKAGES:
        packages = [path for path in (ROOT / folder).iterdir() if path.name.startswith("sereno_")]
        assert len(packages) == 1
        assert (packages[0] / "py.typed").exists()


def test_third_party_code_is_not_committed() -> None:
    assert not [path for path in tracked() if {"vendor", "node_modules"} & set(path.parts)]
    assert not [path for path in tracked() if path.name.endswith(".min.js")]


def test_the_readme_names_every_page_of_the_docs():
    readme = text_of(ROOT / "README.md")
    assert [path.name for path in (ROOT / "docs").glob("*.md") if f"(docs/{path.name})" not in readme] == []
