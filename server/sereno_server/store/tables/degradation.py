"""How far devices and organisations have degraded: now, and the worst of each day, kept for the trend."""

from sqlalchemy import Column, Date, Index, PrimaryKeyConstraint, SmallInteger, Table

from sereno_server.store.tables.columns import document, metadata, of_device, organisation, when, words

degradations = Table(  # now: 0 = sound, 100 = broken
    "degradations",
    metadata,
    organisation(),
    words("device_id"),
    Column("score", SmallInteger, nullable=False),
    document("parts"),  # [{kind, about, points, since, figures}, ...], the worst first
    when("at"),  # when it last changed
    PrimaryKeyConstraint("organisation_id", "device_id"),
    Index("ix_degradations_score", "organisation_id", "score"),
    of_device(),
)

degradation_days = Table(  # a day (UTC) of a device
    "degradation_days",
    metadata,
    organisation(),
    words("device_id"),
    Column("day", Date, nullable=False),
    Column("worst", SmallInteger, nullable=False),
    Column("last", SmallInteger, nullable=False),
    document("parts"),  # at its worst
    PrimaryKeyConstraint("organisation_id", "device_id", "day"),
    of_device(),
)

organisation_days = Table(  # a day (UTC) of an organisation
    "organisation_days",
    metadata,
    organisation(),
    Column("day", Date, nullable=False),
    Column("worst", SmallInteger, nullable=False),
    Column("last", SmallInteger, nullable=False),
    document("parts"),  # the devices that counted most at its worst: [{kind, about, points, figures}, ...]
    PrimaryKeyConstraint("organisation_id", "day"),
)
