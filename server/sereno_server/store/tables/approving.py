"""How approvers are reached, and whom an approval request was told."""

from sqlalchemy import BigInteger, Column, PrimaryKeyConstraint, Table

from sereno_server.store.tables.columns import metadata, organisation, when, words

contacts = Table(
    "contacts",
    metadata,
    organisation(),
    words("person"),  # as on the roster
    words("mail", null=True),
    words("webhook", null=True),
    words("secret", null=True),  # of the webhook's signatures; shown once, when it is made
    Column("after_s", BigInteger, nullable=False),  # told so long after the request, while nobody has answered
    PrimaryKeyConstraint("organisation_id", "person"),
)

approval_notices = Table(
    "approval_notices",
    metadata,
    organisation(),
    words("of"),  # run_... or grt_...
    words("person"),
    words("channel"),  # mail, webhook
    words("state"),  # waiting, told, failed, dropped (answered before it was due)
    when("due_at"),
    when("told_at", null=True),
    Column("tries", BigInteger, nullable=False),
    words("what", null=True),  # why the last try failed
    PrimaryKeyConstraint("organisation_id", "of", "person", "channel"),
)
