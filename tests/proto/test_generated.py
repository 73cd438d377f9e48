"""The committed Protobuf code is what the committed .proto files give."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_generated_code_is_fresh(tmp_path: Path) -> None:
    pytest.importorskip("grpc_tools", reason="the generator comes with the dev extra")
    pytest.importorskip("mypy_protobuf", reason="the generator comes with the dev extra")
    (tmp_path / "sereno_proto" / "v1").mkdir(parents=True)
    program = "import sys, pathlib, generate; generate.generate(pathlib.Path(sys.argv[1]))"
    path = str(Path(sys.executable).parent)
    subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        cwd=ROOT / "proto",
        check=True,
        capture_output=True,
        env={"PATH": f"{path}:/usr/bin:/bin"},
    )
    fresh = sorted((tmp_path / "sereno_proto" / "v1").iterdir())
    assert fresh
    for path_fresh in fresh:
        committed = ROOT / "proto" / "sereno_proto" / "v1" / path_fresh.name
        assert committed.read_bytes() == path_fresh.read_bytes(), f"stale: {path_fresh.name}; run `make proto`"
