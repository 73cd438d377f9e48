"""Leaving: the machine forgets who it was to the server."""

import shutil
from pathlib import Path

from sereno_agent.folders import Folders


def leave(folders: Folders) -> None:
    """Removes identity, keys, pins, plans and spool. The ledger, the policy and kept versions of files stay.

    Where core and executor are two users the folders stay, empty: they say who is who.
    """
    folders.joined.unlink(missing_ok=True)
    for folder in (folders.identity, folders.tls, folders.pins, folders.plans, folders.runs, folders.spool):
        if folders.split:
            _empty(folder)
        else:
            shutil.rmtree(folder, ignore_errors=True)
    folders.status.unlink(missing_ok=True)
    folders.wants.unlink(missing_ok=True)


def _empty(folder: Path) -> None:
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
