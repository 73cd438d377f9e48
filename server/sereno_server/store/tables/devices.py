"""Organisations, their rosters and join codes, their devices, certificates and maintenance windows."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    false,
)

from sereno_server.store.tables.columns import document, metadata, of_device, organisation, when, words

organisations = Table(
    "organisations",
    metadata,
    Column("organisation_id", Text, primary_key=True),  # digest of the root document
    words("name"),
    Column("root_text", LargeBinary, nullable=False),
    document("root_signatures"),
    document("later_roots", null=True),  # text and signatures of each that came after the first; null: none
    when("created_at", now=True),
)

rosters = Table(
    "rosters",
    metadata,
    organisation(),
    Column("version", BigInteger, nullable=False),
    Column("roster_text", LargeBinary, nullable=False),
    document("signatures"),
    when("expires_at"),
    when("created_at", now=True),
    PrimaryKeyConstraint("organisation_id", "version"),
)

join_codes = Table(
    "join_codes",
    metadata,
    organisation(),
    Column("token_digest", Text, primary_key=True),
    words("made_by"),
    when("created_at", now=True),
    when("expires_at"),
    when("used_at", null=True),
    words("device_id", null=True),
)

devices = Table(
    "devices",
    metadata,
    organisation(),
    words("id"),  # dev_ and the digest of the identity key
    words("name"),
    Column("identity_key", LargeBinary, nullable=False),
    words("site", null=True),
    words("parent_id", null=True),  # the device it is reached through: while that one is down, this one's alerts wait
    words("platform"),
    words("agent_version"),
    Column("name_verified", Boolean, nullable=False, server_default=false()),
    when("joined_at", now=True),
    when("last_seen", null=True),
    when("connected_at", null=True),  # null: no stream now
    words("node", null=True),  # the server node that holds the stream
    when("revoked_at", null=True),
    Column("clock_offset_ms", BigInteger),
    Column("roster_version", BigInteger, nullable=False, server_default="0"),
    document("status", null=True),  # the device's last Status, as JSON
    document("facts", null=True),  # inventory
    PrimaryKeyConstraint("organisation_id", "id"),
    UniqueConstraint("id"),
    UniqueConstraint("organisation_id", "name"),
)

device_names = Table(  # the newest statement that binds a device to its name, as a registrar signed it
    "device_names",
    metadata,
    organisation(),
    words("device_id"),
    words("name"),
    Column("text", LargeBinary, nullable=False),
    words("armored"),
    words("registrar"),
    when("issued"),
    PrimaryKeyConstraint("organisation_id", "device_id"),
    of_device(),
)

certificates = Table(
    "certificates",
    metadata,
    organisation(),
    words("device_id"),
    Column("serial", Text, primary_key=True),
    when("not_after"),
    when("issued_at", now=True),
    when("revoked_at", null=True),
    of_device(),
)

maintenance = Table(  # announced work: alerts of these devices wait until it ends
    "maintenance",
    metadata,
    organisation(),
    words("id"),  # mnt_...
    words("device_id", null=True),  # null: every device of the site, or of the organisation
    words("site", null=True),
    when("starts_at"),
    when("ends_at"),
    words("reason"),
    words("made_by"),
    PrimaryKeyConstraint("organisation_id", "id"),
    Index("ix_maintenance_ends", "organisation_id", "ends_at"),
)
