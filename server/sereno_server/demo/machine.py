"""The customer's side of the demo: a small application on this machine, and the policy that its owner wrote."""

import contextlib
import json
import platform
import re
from pathlib import Path

from sereno_server.demo import writer
from sereno_server.demo.place import QUOTA_BYTES, Place, write_private

ROTATING = "# Settings of the demo's application.\nname = till\nlevel = info\nrotate = on\nkeep = 2\n"
NOT_ROTATING = ROTATING.replace("rotate = on", "rotate = off")


def prepare(place: Place) -> None:
    """Writes application, policy and agent.toml where they are missing, and puts rotation on again."""
    if not place.app_config.exists() or place.app_config.read_text() != ROTATING:
        place.app_config.write_text(ROTATING)
    writer.settle(place.app_logs)  # its usual size from the first sample on: that a drill begins is no growth
    policy = place.agent / "policy.toml"
    if not policy.exists():
        write_private(policy, policy_text(place))
    settings = place.agent / "agent.toml"
    if not settings.exists():
        write_private(
            settings, "# Collect each second; the agent's own default is every 15 s.\ncollect_interval_ms = 1000\n"
        )


def policy_text(place: Place) -> str:
    """What the owner of this machine allows. On a real machine: /etc, owned by root."""
    return f"""\
# The local policy: what this machine's owner allows. Nothing else happens here, whatever the server says.

[folders.app-logs]
path = {json.dumps(str(place.app_logs.resolve()), ensure_ascii=False)}
quota_bytes = {QUOTA_BYTES}
rotate = ["app.log"]
remove = ["app.log.*"]
keep = 1

[files.app-config]
path = {json.dumps(str(place.app_config.resolve()), ensure_ascii=False)}
restore = true

[actions]
allow = ["restore_file", "rotate_logs", "remove_old_files"]
"""


def device_name() -> str:
    """This machine's own name as a device name."""
    name = re.sub(r"[^a-z0-9]+", "-", platform.node().split(".")[0].lower()).strip("-")[:63].strip("-")
    return name or "this-machine"


def is_joined(place: Place) -> bool:
    """Whether the agent has joined in an earlier start."""
    return (place.agent / "joined.json").exists()


def redirect(place: Place, link_address: str) -> None:
    """Tells a joined agent the link's new port, when the earlier one was taken meanwhile."""
    path = place.agent / "joined.json"
    with contextlib.suppress(OSError, ValueError):
        joined = json.loads(path.read_text())
        if joined.get("link_address") != link_address:
            write_private(path, json.dumps({**joined, "link_address": link_address}))


def used_bytes(folder: Path) -> int:
    """What lies in a folder, in bytes."""
    total = 0
    for path in folder.iterdir():
        with contextlib.suppress(OSError):
            total += path.stat().st_size
    return total
