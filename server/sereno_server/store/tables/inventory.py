"""What devices are: their facts, one row each, so that the whole fleet can be asked."""

from sqlalchemy import Column, Index, PrimaryKeyConstraint, Table, Text

from sereno_server.store.tables.columns import metadata, of_device, organisation, when, words

facts = Table(
    "facts",
    metadata,
    organisation(),
    words("device_id"),
    Column("key", Text(collation="C"), nullable=False),  # package.openssl; byte order, so that a prefix uses the index
    words("value"),
    PrimaryKeyConstraint("organisation_id", "device_id", "key"),
    Index("ix_facts_key", "organisation_id", "key"),
    of_device(),
)

inventories = Table(  # given back to the device when it connects: when it has another, it tells everything
    "inventories",
    metadata,
    organisation(),
    words("device_id"),
    words("digest"),
    when("told_at", now=True),
    PrimaryKeyConstraint("organisation_id", "device_id"),
    of_device(),
)
