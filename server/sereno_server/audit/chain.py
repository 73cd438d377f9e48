"""The chain's arithmetic: what a row's digest covers, and which faults a broken chain shows."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sereno_proto.ids import sha256
from sereno_server.audit.ledger import digest_of


@dataclass(frozen=True)
class LedgerRow:
    """One row as stored. payload None means erased: only its digest is left to check the chain by."""

    organisation_id: str
    id: str
    at: datetime
    actor: str
    verb: str
    object: str
    payload: Any
    payload_digest: str
    position: int
    previous: str
    digest: str


@dataclass(frozen=True)
class Head:
    """The end of a chain: what a witness writes down and compares later."""

    position: int
    digest: str


@dataclass(frozen=True)
class Fault:
    """One thing that does not fit, at which position, in words."""

    position: int
    kind: str  # edited, payload_edited, missing, reordered, rewritten, truncated
    what: str


def genesis(organisation_id: str) -> Head:
    """What the first row of an organisation's chain names as its previous one."""
    return Head(0, sha256(f"sereno ledger v1\n{organisation_id}\n".encode()))


def digest_row(  # every field that the chain protects, so none can be left out by a caller
    *,
    previous: str,
    position: int,
    organisation_id: str,
    id: str,  # noqa: A002  the column's name
    at: datetime,
    actor: str,
    verb: str,
    object: str,  # noqa: A002  the column's name
    payload_digest: str,
) -> str:
    """A row's digest, over the previous one's and every field but the payload, which its own digest stands for."""
    when = at.astimezone(UTC).isoformat(timespec="microseconds")
    fields = [previous, position, organisation_id, id, when, actor, verb, object, payload_digest]
    return sha256(json.dumps(fields, separators=(",", ":"), ensure_ascii=True).encode())


class Walk:
    """Follows a chain row by row, in order of position, and says what does not fit.

    Edits, deletions and reordering break a digest or leave a gap. A cut-off end, or a chain written anew from some row
    on, is only seen beside a witness: an earlier head of the same chain that somebody else kept.
    """

    def __init__(self, organisation_id: str, witness: Head | None = None) -> None:
        self.head = genesis(organisation_id)
        self._witness = witness

    def step(self, row: LedgerRow) -> Iterator[Fault]:
        """Goes on by one row."""
        yield from _faults_of(row, self.head)
        if self._witness and row.position == self._witness.position and row.digest != self._witness.digest:
            yield Fault(row.position, "rewritten", "a witness kept another digest for this row")
        self.head = Head(row.position, row.digest)

    def end(self) -> Iterator[Fault]:
        """Says whether rows that a witness saw are missing at the end."""
        if self._witness and self.head.position < self._witness.position:
            what = f"it ends at {self.head.position}; a witness saw {self._witness.position}"
            yield Fault(self.head.position, "truncated", what)


def _faults_of(row: LedgerRow, head: Head) -> Iterator[Fault]:
    expected = digest_row(
        previous=row.previous,
        position=row.position,
        organisation_id=row.organisation_id,
        id=row.id,
        at=row.at,
        actor=row.actor,
        verb=row.verb,
        object=row.object,
        payload_digest=row.payload_digest,
    )
    if row.position > head.position + 1:
        yield Fault(row.position, "missing", f"rows {head.position + 1} to {row.position - 1} are gone")
    elif row.previous != head.digest:
        yield Fault(row.position, "reordered", "it does not follow the row before it")
    if row.digest != expected:
        yield Fault(row.position, "edited", "its fields do not give its digest")
    if row.payload is not None and digest_of(row.payload) != row.payload_digest:
        yield Fault(row.position, "payload_edited", "its payload does not give its digest")
