"""Rollouts: one playbook on many devices, in rings."""

from sqlalchemy import Column, Index, Integer, PrimaryKeyConstraint, Table, text

from sereno_server.store.tables.columns import document, metadata, organisation, when, words

LIVE = ("running",)

rollouts = Table(
    "rollouts",
    metadata,
    organisation(),
    words("id"),  # rlt_...
    words("playbook"),
    words("requester"),  # a person, or "server" for a schedule's
    document("parameters"),
    words("target"),  # in words: `query openssl < 3.0.15`
    Column("ring", Integer, nullable=False),  # the one whose runs may be carried out now, from 0
    Column("rings", Integer, nullable=False),  # how many there are
    Column("pause_s", Integer, nullable=False),  # how long devices are watched before the next ring
    Column("failures_max", Integer, nullable=False),
    words("state"),  # running, done, stopped, cancelled
    words("what", null=True),  # why it stopped, or how it ended
    words("schedule_id", null=True),
    when("created_at", now=True),
    when("ring_over_at", null=True),  # the last run of the present ring ended
    when("finished_at", null=True),
    PrimaryKeyConstraint("organisation_id", "id"),
    Index("ix_rollouts_live", "organisation_id", "id", postgresql_where=text(f"state = '{LIVE[0]}'")),
)
