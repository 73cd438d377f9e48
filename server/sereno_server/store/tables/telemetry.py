"""What devices send: epochs, series, batches and their blocks, changes, notices."""

from sqlalchemy import (
    BigInteger,
    Column,
    Identity,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
)

from sereno_server.store.tables.columns import document, metadata, of_device, organisation, when, words

epochs = Table(  # how far a device's spool is committed; moves in the transaction that stores the message
    "epochs",
    metadata,
    organisation(),
    words("device_id"),
    Column("epoch", LargeBinary, nullable=False),
    Column("high_water", BigInteger, nullable=False),
    when("started_at", now=True),
    PrimaryKeyConstraint("organisation_id", "device_id", "epoch"),
    of_device(),
)

series = Table(
    "series",
    metadata,
    organisation(),
    words("device_id"),
    Column("id", Integer, Identity(), nullable=False),
    words("name"),
    document("labels"),
    words("text"),  # folder_used_bytes{folder="app-logs"}, labels sorted
    words("kind"),  # gauge, counter
    PrimaryKeyConstraint("organisation_id", "device_id", "id"),
    UniqueConstraint("organisation_id", "device_id", "text"),
    of_device(),
)

batches = Table(  # what was received, until the compactor has made blocks of it; never updated
    "batches",
    metadata,
    organisation(),
    words("device_id"),
    Column("epoch", LargeBinary, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("first_ms", BigInteger, nullable=False),
    Column("last_ms", BigInteger, nullable=False),
    when("received_at", now=True),
    Column("payload", LargeBinary, nullable=False),  # SampleBatch with the server's series ids
    PrimaryKeyConstraint("organisation_id", "device_id", "epoch", "sequence"),
    Index("ix_batches_device_time", "organisation_id", "device_id", "last_ms"),
)

blocks = (
    Table(  # one compressed block a device and hour; migration 0008 divided it by day, and the rest is in a default
        "blocks",
        metadata,
        organisation(),
        words("device_id"),
        Column("hour_ms", BigInteger, nullable=False),
        Column("part", Integer, nullable=False, server_default="0"),  # late batches make further parts of an hour
        Column("samples", Integer, nullable=False),
        Column("payload", LargeBinary, nullable=False),
        PrimaryKeyConstraint("organisation_id", "device_id", "hour_ms", "part"),
    )
)

rollups_5m = Table(  # of a device and a whole day that is over: lowest, mean, highest, number in each 5 minutes
    "rollups_5m",
    metadata,
    organisation(),
    words("device_id"),
    Column("day_ms", BigInteger, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    PrimaryKeyConstraint("organisation_id", "device_id", "day_ms"),
    postgresql_partition_by="RANGE (day_ms)",
)

rollups_1h = Table(  # the same in each hour
    "rollups_1h",
    metadata,
    organisation(),
    words("device_id"),
    Column("day_ms", BigInteger, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    PrimaryKeyConstraint("organisation_id", "device_id", "day_ms"),
    postgresql_partition_by="RANGE (day_ms)",
)

rollup_due = Table(  # days with blocks that no rollup counts yet
    "rollup_due",
    metadata,
    organisation(),
    words("device_id"),
    Column("day_ms", BigInteger, nullable=False),
    PrimaryKeyConstraint("organisation_id", "device_id", "day_ms"),
    Index("ix_rollup_due_day", "day_ms"),
)

changes = Table(
    "changes",
    metadata,
    organisation(),
    words("id"),  # chg_...
    words("device_id"),
    words("kind"),
    words("object"),  # a path, a package, ...
    words("name"),  # the policy's name for it, what actions take as a parameter
    words("summary"),
    words("diff"),
    words("who"),
    words("before_digest"),
    words("after_digest"),
    when("at"),  # by the device's clock
    when("received_at", now=True),
    PrimaryKeyConstraint("organisation_id", "id"),
    Index("ix_changes_device_at", "organisation_id", "device_id", "at"),
    of_device(),
)

notices = Table(
    "notices",
    metadata,
    organisation(),
    words("device_id"),
    words("code"),
    words("what"),
    words("remedy"),
    when("at"),
    PrimaryKeyConstraint("organisation_id", "device_id", "code"),
    of_device(),
)
