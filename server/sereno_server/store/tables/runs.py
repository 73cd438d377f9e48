"""Runs, their events and the signatures on their plans."""

from sqlalchemy import Column, Index, Integer, LargeBinary, PrimaryKeyConstraint, Table, text

from sereno_server.store.tables.columns import document, metadata, of_device, organisation, when, words

LIVE = ("planning", "planned", "executing")

runs = Table(
    "runs",
    metadata,
    organisation(),
    words("id"),  # run_...
    words("ticket_id", null=True),
    words("device_id"),
    words("playbook"),
    words("requester"),  # a person, or "server"
    words("grant_id", null=True),  # of a run that was granted in advance
    words("rollout_id", null=True),
    Column("ring", Integer),  # of its rollout, from 0
    # planning, planned (waits for signatures), executing, succeeded, failed, refused, denied, expired, superseded
    words("state"),
    document("steps"),
    words("plan_id", null=True),
    Column("plan_text", LargeBinary),
    words("plan_digest", null=True),
    words("device_signature", null=True),
    words("risk", null=True),
    when("created_at", now=True),
    when("planned_at", null=True),
    when("expires_at", null=True),
    when("finished_at", null=True),
    words("code", null=True),
    words("what", null=True),
    PrimaryKeyConstraint("organisation_id", "id"),
    Index("ix_runs_ticket", "organisation_id", "ticket_id"),
    Index("ix_runs_live", "organisation_id", "id", postgresql_where=text(f"state IN {LIVE}")),
    Index(  # the server proposes one run at a time, also when two nodes think of it together
        "uq_runs_proposed",
        "organisation_id",
        "ticket_id",
        unique=True,
        postgresql_where=text("requester = 'server' AND state IN ('planning', 'planned')"),
    ),
    of_device(),
)

run_events = Table(
    "run_events",
    metadata,
    organisation(),
    words("id"),
    words("run_id"),
    when("at"),
    Column("step", Integer, nullable=False),
    words(
        "state"
    ),  # started, step_started, step_done, step_skipped, step_failed, step_reverted, succeeded, failed, refused
    words("what"),
    words("code"),
    words("ledger_digest"),
    PrimaryKeyConstraint("organisation_id", "id"),
    Index("ix_run_events_run", "organisation_id", "run_id", "at"),
)

signatures = Table(
    "signatures",
    metadata,
    organisation(),
    words("run_id"),
    words("person"),
    words("purpose"),  # request, approve
    words("armored"),  # an SSHSIG, or a passkey's assertion
    when("at", now=True),
    PrimaryKeyConstraint("organisation_id", "run_id", "person", "purpose"),
)
