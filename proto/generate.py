"""Generates the Python code of proto/sereno_proto/v1/*.proto, in place. A test fails when it is stale."""

import sys
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent


def generate(target: Path) -> None:
    """Writes *_pb2.py, *_pb2.pyi and *_pb2_grpc.py below target."""
    sources = sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("sereno_proto/v1/*.proto"))
    options = [f"-I{ROOT}", f"--python_out={target}", f"--grpc_python_out={target}", f"--mypy_out={target}"]
    status = protoc.main(["protoc", *options, *sources])
    if status:
        sys.exit(status)


if __name__ == "__main__":
    generate(ROOT)
