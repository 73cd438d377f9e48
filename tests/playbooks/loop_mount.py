"""Remounts a real file system, an image of this script's own, in a mount namespace of its own.

Run as `unshare --mount --propagation private python -m tests.playbooks.loop_mount DIR`: the machine's own mounts are
never touched. Prints what it found as JSON; `null` where no image can be mounted here.
"""

import json
import subprocess
import sys
from pathlib import Path

from tests.playbooks.conftest import Place

from sereno_agent import starting
from sereno_diagnostics.allowed import NamedMount
from sereno_proto.errors import SerenoError


def main(top: Path) -> object:
    image, mounted = top / "image", top / "mounted"
    mounted.mkdir()
    with image.open("wb") as file:
        file.truncate(16 << 20)
    made = subprocess.run(["mkfs.ext4", "-q", image], capture_output=True, check=False)
    if made.returncode or subprocess.run(["mount", "-o", "loop", image, mounted], check=False).returncode:
        return None
    place = Place(top / "place")
    place.start = starting.start
    place.names["mounts"] = {"data": NamedMount("data", mounted, ("ro", "rw"))}
    found = []

    def look() -> None:
        try:
            (mounted / "file").write_text("x")
        except OSError as error:
            found.append(error.strerror)
        else:
            found.append("written")

    try:
        look()
        step = place.plan("remount_read_only", mount="data")
        look()
        outcome = place.apply(step)
        look()
        found.append(place.apply(step).undo_data)
        found.append(place.revert(step, outcome.undo_data).complete)
        look()
        with (mounted / "file").open("a"):
            try:
                place.apply(place.plan("remount_read_only", mount="data"))
            except SerenoError as error:
                found.append(error.code)
        place.apply(place.plan("remount_read_only", mount="data"))
        place.apply(place.plan("remount_read_write", mount="data"))
        look()
    finally:
        subprocess.run(["umount", mounted], check=False)
    return found


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]))))  # noqa: T201
