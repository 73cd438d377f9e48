"""Anomalies of devices: one row an incident, however many series took part. Kept, and marked later."""

from sqlalchemy import Column, Double, Index, PrimaryKeyConstraint, Table, text

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
