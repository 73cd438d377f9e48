"""Whether an error of PostgreSQL says that it is away, and waiting helps, or that it will never take this."""

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

# https://www.postgresql.org/docs/current/errcodes-appendix.html: connection, rollback of a transaction that met
# another, resources (a full disk), object not in the wanted state, an operator's intervention, the system itself.
# psycopg calls class 54, a key too long for its index for example, operational too; waiting for that is for ever.
_PASSING = frozenset({"08", "40", "53", "55", "57", "58"})


def is_away(error: Exception) -> bool:
    """True for what may go well when it is tried again."""
    if isinstance(error, OSError):
        return True
    if not isinstance(error, DBAPIError):
        return False
    state = getattr(error.orig, "sqlstate", None)
    return state[:2] in _PASSING if state else isinstance(error, OperationalError | InterfaceError)
