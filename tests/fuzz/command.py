"""`python -m tests.fuzz.command [--seconds 300] [--seed N] [TARGET...]`: exit code 1 when anything was found."""

import argparse
import hashlib
import secrets
import sys

from tests.fuzz.run import CORPUS, TARGETS, Found, fuzz


def main() -> int:
    """Fuzzes each target in turn; findings go to tests/fuzz/corpus/TARGET, to be mended and kept."""
    parser = argparse.ArgumentParser(prog="make fuzz")
    parser.add_argument("--seconds", type=float, default=300.0, help="for each target")
    parser.add_argument("--seed", type=int, default=secrets.randbits(32))
    parser.add_argument("targets", nargs="*")
    given = parser.parse_args()
    sys.stdout.write(f"seed {given.seed}, {given.seconds:g} s each\n")
    wrong = 0
    for name in given.targets or sorted(TARGETS):
        found = fuzz(TARGETS[name], given.seconds, given.seed)
        sys.stdout.write(_line(found))
        sys.stdout.flush()
        for what, data in found.findings.items():
            wrong += 1
            place = CORPUS / name / hashlib.sha256(data).hexdigest()[:12]
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
            sys.stdout.write(f"    FOUND {what}\n    in {place}\n")
    return 1 if wrong else 0


def _line(found: Found) -> str:
    most = sorted(found.refused.items(), key=lambda one: -one[1])[:4]
    return (
        f"{found.name:16} {found.tried:9} tried, {found.taken:8} taken, slowest {found.slowest_s * 1000:6.1f} ms,"
        f" +{found.grown_kib / 1024:.0f} MiB; {', '.join(f'{code} {count}' for code, count in most)}\n"
    )


if __name__ == "__main__":
    sys.exit(main())
