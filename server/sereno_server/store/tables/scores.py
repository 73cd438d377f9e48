"""What keeps the predictors honest: those that are muted somewhere, and what people say of tickets."""

from sqlalchemy import Boolean, Column, Index, PrimaryKeyConstraint, Table, text

from sereno_server.store.tables.columns import metadata, of_device, organisation, when, words

mutes = Table(  # a predictor that is wrong too often on one thing of one device: its alerts are left out
    "mutes",
    metadata,
    organisation(),
    words("id"),  # mut_...
    words("device_id"),
    words("predictor"),
    words("resource"),
    words("object"),
    words("why"),
    when("since"),
    when("ended_at", null=True),
    words("ended_by", null=True),
    PrimaryKeyConstraint("organisation_id", "id"),
    Index(
        "uq_mutes_active",
        "organisation_id",
        "device_id",
        "predictor",
        "resource",
        "object",
        unique=True,
        postgresql_where=text("ended_at IS NULL"),
    ),
    of_device(),
)

ratings = Table(  # was the ticket useful: one answer a person
    "ratings",
    metadata,
    organisation(),
    words("ticket_id"),
    words("person"),
    Column("useful", Boolean, nullable=False),
    when("at"),
    PrimaryKeyConstraint("organisation_id", "ticket_id", "person"),
)
