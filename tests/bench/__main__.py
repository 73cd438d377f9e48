"""`python -m tests.bench [NAME [OPTIONS]]`: every file of this folder with `run(arguments)` is a bench.

One that says `BY_NAME_ONLY` takes long, and runs when it is asked for.
"""

import importlib
import json
import pkgutil
import sys
from pathlib import Path


def main(arguments: list[str]) -> int:
    names = [module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)]) if module.name != "__main__"]
    if arguments and arguments[0] not in names:
        sys.stderr.write(f"no bench '{arguments[0]}'; there are: {', '.join(names)}\n")
        return 2
    for name in arguments[:1] or names:
        bench = importlib.import_module(f"tests.bench.{name}")
        if not hasattr(bench, "run") or (getattr(bench, "BY_NAME_ONLY", False) and not arguments):
            continue
        for figure in bench.run(arguments[1:]):
            sys.stdout.write(json.dumps(figure) + "\n")  # one line a figure
            sys.stdout.flush()
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
