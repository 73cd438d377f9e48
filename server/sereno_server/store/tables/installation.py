"""Tables of the installation itself: settings, who may sign in, who leads."""

from sqlalchemy import BigInteger, Boolean, Column, Table, Text, UniqueConstraint, false

from sereno_server.store.tables.columns import document, metadata, when, words

settings = Table("settings", metadata, Column("key", Text, primary_key=True), document("value"))

accounts = Table(  # who may sign in to the console and the API; says nothing about what devices accept
    "accounts",
    metadata,
    Column("id", Text, primary_key=True),  # acc_...
    words("name"),  # the person's name as on the roster: noa
    words("display_name"),
    words("role"),  # administrator, technician, approver, customer
    Column("organisation_id", Text),  # null: every organisation (administrator)
    words("public_key", null=True),  # OpenSSH line, for `sereno login`
    Column("disabled", Boolean, nullable=False, server_default=false()),
    when("created_at", now=True),
    UniqueConstraint("organisation_id", "name"),
)

credentials = Table(  # login links, browser sessions, API tokens, login challenges: only digests are kept
    "credentials",
    metadata,
    Column("digest", Text, primary_key=True),
    words("kind"),  # link, session, token, challenge
    words("account_id"),
    when("created_at", now=True),
    when("expires_at"),
    when("used_at", null=True),
)

leaders = Table(  # who runs the timers; the fence rises with every election
    "leaders",
    metadata,
    Column("name", Text, primary_key=True),
    words("node"),
    Column("fence", BigInteger, nullable=False),
    when("until"),
)
