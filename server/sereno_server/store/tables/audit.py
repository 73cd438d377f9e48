"""The ledger, jobs and idempotency keys."""

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    UniqueConstraint,
    text,
)

from sereno_server.store.tables.columns import document, metadata, organisation, when, words

ledger = Table(  # append-only; the sequencer fills position, previous and digest
    "ledger",
    metadata,
    organisation(),
    words("id"),  # led_...
    when("at", now=True),
    words("actor"),
    words("verb"),
    words("object"),
    document("payload", null=True),  # may be erased; the chain holds only its digest
    words("payload_digest"),
    Column("position", BigInteger),  # null until chained
    words("previous", null=True),
    words("digest", null=True),
    PrimaryKeyConstraint("organisation_id", "id"),
    UniqueConstraint("organisation_id", "position"),
    Index("ix_ledger_unchained", "organisation_id", "id", postgresql_where=text("position IS NULL")),
)

ledger_nodes = Table(  # the Merkle tree over the digests of chained rows; each node is written once
    "ledger_nodes",
    metadata,
    organisation(),
    Column("level", SmallInteger, nullable=False),
    Column("index", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    PrimaryKeyConstraint("organisation_id", "level", "index"),
)

checkpoints = Table(  # signed heads of that tree, as witnesses keep them
    "checkpoints",
    metadata,
    organisation(),
    Column("size", BigInteger, nullable=False),
    Column("text", LargeBinary, nullable=False),
    when("at"),
    PrimaryKeyConstraint("organisation_id", "size"),
)

jobs = Table(
    "jobs",
    metadata,
    organisation(),
    words("id"),  # job_...
    words("kind"),
    document("payload"),
    when("run_at"),
    words("state"),  # waiting, running, done, failed
    Column("attempts", Integer, nullable=False, server_default="0"),
    words("error", null=True),
    PrimaryKeyConstraint("organisation_id", "id"),
    Index("ix_jobs_due", "run_at", postgresql_where=text("state = 'waiting'")),
)

idempotency = Table(
    "idempotency",
    metadata,
    organisation(),
    words("account_id"),
    words("key"),
    words("request_digest"),
    Column("status", Integer, nullable=False),
    document("answer"),
    when("created_at", now=True),
    PrimaryKeyConstraint("organisation_id", "account_id", "key"),
)
