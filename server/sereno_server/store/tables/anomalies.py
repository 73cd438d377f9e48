"""Anomalies: one row an incident, what may have caused it, and what sets a device apart from its siblings."""

from sqlalchemy import BigInteger, Column, Double, Index, Integer, PrimaryKeyConstraint, Table, text

from sereno_server.store.tables.columns import document, metadata, of_device, organisation, when, words

anomalies = Table(
    "anomalies",
    metadata,
    organisation(),
    words("id"),  # anm_...
    words("device_id"),
    words("state"),  # open, closed
    when("made_at"),
    when("updated_at"),
    when("onset_at"),  # when the first of its series departed, by the device's clock
    Column("strength", Double, nullable=False),  # the largest so far; what opens one is 1
    words("title"),  # network, cpu and memory unlike ever before
    document("series"),  # [{series_id, text, value, usual, beyond}, ...], the strongest first
    words("outcome", null=True),  # hit, miss, withdrawn (explained by a reboot, maintenance, a run or an upgrade)
    when("outcome_at", null=True),
    words("outcome_why", null=True),
    PrimaryKeyConstraint("organisation_id", "id"),
    Index("ix_anomalies_open", "organisation_id", "device_id", postgresql_where=text("state = 'open'")),
    Index("ix_anomalies_made", "organisation_id", "device_id", "made_at"),
    of_device(),
)

anomaly_causes = Table(  # changes ranked as the likely cause of an anomaly
    "anomaly_causes",
    metadata,
    organisation(),
    words("anomaly_id"),
    words("change_id"),
    Column("rank", Integer, nullable=False),
    Column("weight", Double, nullable=False),
    words("why"),
    PrimaryKeyConstraint("organisation_id", "anomaly_id", "change_id"),
)

differences = Table(  # series in which a device differs from its siblings; a row as long as it lasts
    "differences",
    metadata,
    organisation(),
    words("device_id"),
    Column("series_id", BigInteger, nullable=False),
    words("text"),  # what the series is called
    when("since"),
    when("updated_at"),
    Column("value", Double, nullable=False),  # the device's own, of the last twenty minutes
    Column("usual", Double, nullable=False),  # the middle one of its siblings'
    Column("distance", Double, nullable=False),  # in spreads of the siblings
    Column("siblings", Integer, nullable=False),
    document("among"),  # the names of the siblings' devices
    PrimaryKeyConstraint("organisation_id", "device_id", "series_id"),
    of_device(),
)
