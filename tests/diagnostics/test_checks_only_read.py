"""A check has no way to read but through its reader, and none at all to write: it imports nothing that could."""

import ast
from pathlib import Path

import pytest

from sereno_diagnostics import checks

PURE = {
    *(
        "collections",
        "collections.abc",
        "dataclasses",
        "datetime",
        "itertools",
        "json",
        "math",
        "re",
        "stat",
        "statistics",
    ),
    *("typing", "urllib.parse"),
}
FILES = sorted(Path(next(iter(checks.__path__))).glob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_check_imports_only_what_is_pure(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            assert {name.name for name in node.names} <= PURE
        elif isinstance(node, ast.ImportFrom):
            assert node.module in PURE or node.module.split(".")[0] in {"sereno_diagnostics", "sereno_proto"}
            assert node.module != "sereno_diagnostics.confined", "files are opened by the reader only"
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in {"open", "exec", "eval", "compile", "__import__", "getattr", "setattr"}
