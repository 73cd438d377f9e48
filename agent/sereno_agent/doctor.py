"""`sereno-agent doctor`: looks at its own installation, says what is wrong, and what to do about it.

One list of examinations, each giving rows; one that itself fails is a row too, and stops no other.
"""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from sereno_agent import doctor_installation, doctor_sight, doctor_trust, doctor_working
from sereno_agent.doctor_row import Row, bad
from sereno_agent.folders import Folders
from sereno_proto.errors import SerenoError


@dataclass(frozen=True)
class Patient:
    """What is looked at, as whom, and when."""

    folders: Folders
    now_s: float
    user: int
    offline: bool = False  # whether the server is to be left alone


Examination = Callable[[Patient], Iterator[Row]]

EXAMINATIONS: Final[tuple[Examination, ...]] = (
    doctor_installation.programs,
    doctor_installation.settings,
    doctor_installation.state_folder,
    doctor_installation.separation,
    doctor_trust.joined,
    doctor_trust.identity,
    doctor_trust.certificate,
    doctor_trust.roster,
    doctor_trust.policy_in_force,
    doctor_trust.whole_ledger,
    doctor_working.core,
    doctor_working.server,
    doctor_working.spool,
    doctor_working.executor,
    doctor_working.databases,
    doctor_sight.sight,
)


def examine(folders: Folders, *, offline: bool = False) -> Iterator[Row]:
    """Every row, in order."""
    patient = Patient(folders, time.time(), os.geteuid(), offline)
    for examination in EXAMINATIONS:
        try:
            yield from examination(patient)
        except SerenoError as error:
            yield bad(error.what, f"{error.code}: {error.remedy}")
        except OSError as error:
            yield bad(f"{error.filename or examination.__name__}: {error.strerror or error}", _may_read(error))


def render(rows: list[Row]) -> Iterator[str]:
    """One line a row, what to do below it; last the sum."""
    marks = {"ok": "ok   ", "note": "note ", "bad": "BAD  "}
    for row in rows:
        yield f"{marks[row.state]}{row.what}"
        if row.remedy:
            yield f"     -> {row.remedy}"
    wrong = sum(row.state == "bad" for row in rows)
    notes = sum(row.state == "note" for row in rows)
    yield f"{wrong} to mend, {notes} to know." if wrong or notes else "All is well."


def _may_read(error: OSError) -> str:
    if isinstance(error, PermissionError):
        return "run `sereno-agent doctor` as root to look at everything"
    return "see the path named"
