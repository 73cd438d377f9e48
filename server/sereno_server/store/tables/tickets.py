"""Alerts, tickets, their causes, findings and timeline."""

from sqlalchemy import BigInteger, Column, Double, Index, Integer, PrimaryKeyConstraint, Table, UniqueConstraint, text

from sereno_server.store.tables.columns import document, metadata, of_device, organisation, when, words

alerts = Table(
    "alerts",
    metadata,
    organisation(),
    words("id"),  # alr_...
    words("fingerprint"),
    words("device_id"),
    words("kind"),  # exhaustion, silent, clock_skew, ...
    words("object"),
    words("severity"),  # failing, soon, watch
    words("title"),
    words("state"),  # firing, resolved
    when("opened_at"),
    when("last_at"),
    when("resolved_at", null=True),
    words("ticket_id", null=True),
    words("forecast_id", null=True),
    document("figures"),
    PrimaryKeyConstraint("organisation_id", "id"),
    Index("ix_alerts_ticket", "organisation_id", "ticket_id"),
    Index("ix_alerts_fingerprint", "organisation_id", "fingerprint", "opened_at"),
    Index("uq_alerts_firing", "organisation_id", "fingerprint", unique=True, postgresql_where=text("state = 'firing'")),
    of_device(),
)

tickets = Table(
    "tickets",
    metadata,
    organisation(),
    words("id"),  # tkt_...
    Column("number", BigInteger, nullable=False),  # T-1 within the organisation
    words("device_id"),
    words("title"),
    words("state"),  # open, resolved, closed
    words("stage"),  # predicted, checked, proposed, waiting, running, verifying, resolved
    Column("priority", Integer, nullable=False),  # 1..4
    words("fingerprint"),
    words("assignee", null=True),
    when("opened_at"),
    when("resolved_at", null=True),
    words("resolution", null=True),
    Column("version", Integer, nullable=False, server_default="1"),
    PrimaryKeyConstraint("organisation_id", "id"),
    UniqueConstraint("organisation_id", "number"),
    Index("uq_tickets_open", "organisation_id", "fingerprint", unique=True, postgresql_where=text("state = 'open'")),
    of_device(),
)

causes = Table(  # changes ranked as the ticket's likely cause
    "causes",
    metadata,
    organisation(),
    words("ticket_id"),
    words("change_id"),
    Column("rank", Integer, nullable=False),
    Column("weight", Double, nullable=False),
    words("why"),
    PrimaryKeyConstraint("organisation_id", "ticket_id", "change_id"),
)

findings = Table(
    "findings",
    metadata,
    organisation(),
    words("id"),  # fnd_...
    words("device_id"),
    words("ticket_id", null=True),
    words("run_id", null=True),
    words("check"),
    words("severity"),  # fine, note, serious, failing
    words("title"),
    words("advice"),
    document("evidence"),  # [[key, value], ...]
    document("figures"),
    Column("duration_ms", Double),
    when("at"),
    PrimaryKeyConstraint("organisation_id", "id"),
    Index("ix_findings_ticket", "organisation_id", "ticket_id"),
    of_device(),
)

timeline = Table(
    "timeline",
    metadata,
    organisation(),
    words("id"),  # evt_...
    words("ticket_id"),
    when("at"),
    words(
        "kind"
    ),  # forecast, change, alert, check, proposed, requested, signed, run, verified, resolved, message, refused
    words("text"),
    words("actor"),  # a person, "device", "server"
    document("detail"),
    PrimaryKeyConstraint("organisation_id", "id"),
    Index("ix_timeline_ticket", "organisation_id", "ticket_id", "at"),
)
