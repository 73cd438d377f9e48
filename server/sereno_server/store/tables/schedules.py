"""Schedules: when the server asks for the plans of a rollout by itself. It never signs one."""

from sqlalchemy import Boolean, Column, Index, Integer, PrimaryKeyConstraint, Table

from sereno_server.store.tables.columns import document, metadata, organisation, when, words

schedules = Table(
    "schedules",
    metadata,
    organisation(),
    words("id"),  # sch_...
    words("playbook"),
    document("parameters"),
    document("target"),  # devices, site or query
    document("rings"),
    Column("failures_max", Integer, nullable=False),
    Column("pause_s", Integer, nullable=False),
    words("cron"),  # minute hour day month weekday
    words("zone"),  # Europe/Madrid
    Column("in_maintenance", Boolean, nullable=False),  # only on devices of which maintenance is announced then
    words("made_by"),
    when("created_at", now=True),
    when("next_at"),
    when("last_at", null=True),
    words("last_what", null=True),  # what became of the last time
    PrimaryKeyConstraint("organisation_id", "id"),
    Index("ix_schedules_next", "next_at"),
)
