"""What devices said: compressed blocks of all lines, rows of warnings and worse. A partition a day, dropped whole."""

from sqlalchemy import BigInteger, Column, Date, Index, Integer, LargeBinary, PrimaryKeyConstraint, SmallInteger, Table

from sereno_server.store.tables.columns import metadata, organisation, words

log_blocks = Table(  # one a message of a device, as it came, zstd over LogBlock
    "log_blocks",
    metadata,
    organisation(),
    words("device_id"),
    Column("day", Date, nullable=False),  # UTC, when it was received: late lines do not vanish at once
    Column("epoch", LargeBinary, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    words("source"),
    Column("first_ms", BigInteger, nullable=False),  # of its earliest line, by the device's clock
    Column("last_ms", BigInteger, nullable=False),
    Column("lines", Integer, nullable=False),
    Column("worst", SmallInteger, nullable=False),  # syslog: 0 emergency .. 7 debug
    Column("withheld", BigInteger, nullable=False),
    Column("redacted", BigInteger, nullable=False, server_default="0"),  # lines with a secret taken out
    Column("payload", LargeBinary, nullable=False),
    PrimaryKeyConstraint("organisation_id", "device_id", "day", "epoch", "sequence"),
    Index("ix_log_blocks_device_time", "organisation_id", "device_id", "last_ms"),
    postgresql_partition_by="RANGE (day)",
)

log_lines = Table(  # warnings and worse, for a recent window: what is searched most
    "log_lines",
    metadata,
    organisation(),
    words("device_id"),
    Column("day", Date, nullable=False),
    Column("epoch", LargeBinary, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("place", Integer, nullable=False),  # within its block
    Column("at_ms", BigInteger, nullable=False),
    Column("severity", SmallInteger, nullable=False),
    words("source"),
    words("origin"),
    words("text"),
    PrimaryKeyConstraint("organisation_id", "device_id", "day", "epoch", "sequence", "place"),
    Index("ix_log_lines_device_time", "organisation_id", "device_id", "at_ms"),
    postgresql_partition_by="RANGE (day)",
)
