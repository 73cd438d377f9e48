"""Leaving: the machine forgets who it was to the server."""

import shutil

from sereno_agent.folders import Folders


def leave(folders: Folders) -> None:
    """Removes identity, keys, pins, plans and spool. The ledger, the policy and kept versions of files stay."""
    folders.joined.unlink(missing_ok=True)
    for folder in (folders.identity, folders.tls, folders.pins, folders.plans, folders.runs, folders.spool):
        shutil.rmtree(folder, ignore_errors=True)
    folders.status.unlink(missing_ok=True)
