"""Forecasts, kept and scored later."""

from sqlalchemy import Column, Double, Index, Integer, PrimaryKeyConstraint, Table, text

from sereno_server.store.tables.columns import document, metadata, of_device, organisation, when, words

forecasts = Table(
    "forecasts",
    metadata,
    organisation(),
    words("id"),  # fct_...
    words("device_id"),
    Column("series_id", Integer, nullable=False),
    words("predictor"),  # exhaustion
    words("resource"),  # folder, filesystem, memory, ...
    words("object"),  # app-logs, /var, ...
    words("state"),  # open, closed
    when("made_at"),  # first made
    when("updated_at"),
    when("full_at", null=True),  # most likely
    when("full_at_low", null=True),  # 80 % interval
    when("full_at_high", null=True),
    when("first_full_at", null=True),  # what it said when it opened: this is what is scored
    when("onset_at", null=True),  # when the growth began
    Column("confidence", Double, nullable=False),
    Column("first_confidence", Double),  # what it said when it opened: this is what is calibrated
    Column("value", Double, nullable=False),
    Column("capacity", Double, nullable=False),
    Column("growth_per_s", Double, nullable=False),
    document("path", null=True),  # [[ms, low, median, high], ...] to draw the band
    words("outcome", null=True),  # hit, miss, prevented, withdrawn
    when("outcome_at", null=True),
    Column("lead_s", Double),
    words("outcome_why", null=True),
    PrimaryKeyConstraint("organisation_id", "id"),
    Index("ix_forecasts_open", "organisation_id", "device_id", "series_id", postgresql_where=text("state = 'open'")),
    of_device(),
)
