"""Lockdown: a flag file that core and executor look at before every remote act."""

import os
from collections.abc import Callable

from sereno_agent.folders import Folders
from sereno_agent.ledger import Ledger
from sereno_proto.errors import BadInput


def switch(folders: Folders, *, on: bool, now_ms: Callable[[], int]) -> str:
    """Sets or removes the flag and gives one sentence. It holds from the next command or step on."""
    if not folders.state.is_dir():
        raise BadInput("E_NOT_JOINED", f"{folders.state} does not exist")
    was = folders.lockdown.exists()
    if on:
        os.close(os.open(folders.lockdown, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
    else:
        folders.lockdown.unlink(missing_ok=True)
    if was != on:
        Ledger(folders.ledger, now_ms).append("lockdown.on" if on else "lockdown.off", "device", what="on this machine")
    return "Lockdown is on: nothing remote may act here." if on else "Lockdown is off: the policy decides again."
