"""What the script `sereno` calls: it also stands in an agent's installation, where the libraries it needs are not."""

import sys

from sereno_proto.errors import SerenoError


def main() -> None:
    """Runs the command line, or says in one line what is not installed."""
    try:
        from sereno_server.cli.main import main as run  # noqa: PLC0415  may be missing its libraries
    except ModuleNotFoundError as error:
        if error.name and error.name.startswith("sereno"):
            raise
        sys.stderr.write(SerenoError("E_EXTRA_MISSING").line() + "\n")
        sys.exit(1)
    run()
