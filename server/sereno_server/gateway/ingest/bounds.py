"""How the values that devices send are made fit for the database: bounded, without NUL, times that exist."""

from datetime import UTC, datetime

from sereno_proto.errors import CATALOGUE
from sereno_proto.v1.link_pb2 import Problem
from sereno_server.audit.ledger import words

MS_MAX = 253_402_300_799_000  # the end of the year 9999


def moment(ms: int) -> datetime:
    """A device's milliseconds as a timestamp, moved into the range that timestamps have."""
    return datetime.fromtimestamp(min(max(ms, 0), MS_MAX) / 1000, UTC)


def clipped(value: str, chars_max: int) -> str:
    """Text that PostgreSQL can hold, cut where it is too long."""
    return words(value[:chars_max])


def problem(code: str, what: str, remedy: str = "") -> Problem:
    """A refused part of a message; the sequence is filled in where it is acknowledged."""
    return Problem(code=code, what=what, remedy=remedy or CATALOGUE[code].remedy)
