"""What rules found on devices: one row from when a condition begins to hold until it ends. Kept."""

from sqlalchemy import Column, Double, Index, PrimaryKeyConstraint, Table, text

from sereno_server.store.tables.columns import metadata, of_device, organisation, when, words

conditions = Table(
    "conditions",
    metadata,
    organisation(),
    words("id"),  # cnd_...
    words("device_id"),
    words("rule"),
    words("object"),  # sda, nginx.service, ... or "" when the device itself is meant
    words("title"),
    Column("figure", Double, nullable=False),
    when("onset_at"),  # since when it has been so, by the device's clock
    when("made_at"),
    when("closed_at", null=True),
    PrimaryKeyConstraint("organisation_id", "id"),
    Index(
        "uq_conditions_open",
        "organisation_id",
        "device_id",
        "rule",
        "object",
        unique=True,
        postgresql_where=text("closed_at IS NULL"),
    ),
    of_device(),
)
