"""Writes the findings of cases anew: `python tests/diagnostics/regenerate.py [CHECK ...]`. Review the difference."""

import json
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1]))

from tests.diagnostics.conftest import Place  # noqa: E402, the cases' own place
from tests.diagnostics.test_cases import found_in  # noqa: E402

from sereno_diagnostics import registry  # noqa: E402


def main(names: list[str]) -> None:
    """Runs every case of these checks, or of all."""
    for path in sorted(HERE.glob("*/*.json")):
        if names and path.parent.name not in names:
            continue
        case = json.loads(path.read_text())
        with tempfile.TemporaryDirectory() as folder:
            result = registry.run(path.parent.name, case["parameters"], Place(Path(folder), case).reader())
        case["findings"] = found_in(result)
        if result.truncated:
            case["truncated"] = True
        path.write_text(json.dumps(case, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
