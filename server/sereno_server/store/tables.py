"""Every table. Each carries organisation_id, which row-level security compares with the transaction's scope.

Ids are text with a prefix (`tkt_…`), times are UTC timestamps, except the device's own, which stay int64 milliseconds.
A table without organisation_id belongs to the installation (its certificate authority, its accounts, its leader).
"""

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Double,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    false,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _text(name: str, *, null: bool = False) -> Column[str]:
    return Column(name, Text, nullable=null)


def _when(name: str, *, null: bool = False, now: bool = False) -> Column[datetime]:
    return Column(name, DateTime(timezone=True), nullable=null, server_default=func.now() if now else None)


def _json(name: str, *, null: bool = False) -> Column[dict[str, object]]:
    return Column(name, JSONB, nullable=null)


def _org() -> Column[str]:
    return Column("organisation_id", Text, nullable=False)


def _of_device() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(
        ["organisation_id", "device_id"], ["devices.organisation_id", "devices.id"], ondelete="CASCADE"
    )


# --- the installation -------------------------------------------------------------------------------------------------

settings = Table("settings", metadata, Column("key", Text, primary_key=True), _json("value"))

accounts = Table(  # who may sign in to the console and the API; says nothing about what devices accept
    "accounts",
    metadata,
    Column("id", Text, primary_key=True),  # acc_...
    _text("name"),  # the person's name as on the roster: noa
    _text("display_name"),
    _text("role"),  # administrator, technician, approver, customer
    Column("organisation_id", Text),  # null: every organisation (administrator)
    _text("public_key", null=True),  # OpenSSH line, for `sereno login`
    Column("disabled", Boolean, nullable=False, server_default=false()),
    _when("created_at", now=True),
    UniqueConstraint("organisation_id", "name"),
)

credentials = Table(  # login links, browser sessions, API tokens, login challenges: only digests are kept
    "credentials",
    metadata,
    Column("digest", Text, primary_key=True),
    _text("kind"),  # link, session, token, challenge
    _text("account_id"),
    _when("created_at", now=True),
    _when("expires_at"),
    _when("used_at", null=True),
)

leaders = Table(  # who runs the timers; the fence rises with every election
    "leaders",
    metadata,
    Column("name", Text, primary_key=True),
    _text("node"),
    Column("fence", BigInteger, nullable=False),
    _when("until"),
)

# --- organisations, devices -------------------------------------------------------------------------------------------

organisations = Table(
    "organisations",
    metadata,
    Column("organisation_id", Text, primary_key=True),  # digest of the root document
    _text("name"),
    Column("root_text", LargeBinary, nullable=False),
    _json("root_signatures"),
    _when("created_at", now=True),
)

rosters = Table(
    "rosters",
    metadata,
    _org(),
    Column("version", BigInteger, nullable=False),
    Column("roster_text", LargeBinary, nullable=False),
    _json("signatures"),
    _when("expires_at"),
    _when("created_at", now=True),
    PrimaryKeyConstraint("organisation_id", "version"),
)

join_codes = Table(
    "join_codes",
    metadata,
    _org(),
    Column("token_digest", Text, primary_key=True),
    _text("made_by"),
    _when("created_at", now=True),
    _when("expires_at"),
    _when("used_at", null=True),
    _text("device_id", null=True),
)

devices = Table(
    "devices",
    metadata,
    _org(),
    _text("id"),  # dev_ and the digest of the identity key
    _text("name"),
    Column("identity_key", LargeBinary, nullable=False),
    _text("site", null=True),
    _text("platform"),
    _text("agent_version"),
    Column("name_verified", Boolean, nullable=False, server_default=false()),
    _when("joined_at", now=True),
    _when("last_seen", null=True),
    _when("connected_at", null=True),  # null: no stream now
    _text("node", null=True),  # the server node that holds the stream
    _when("revoked_at", null=True),
    Column("clock_offset_ms", BigInteger),
    Column("roster_version", BigInteger, nullable=False, server_default="0"),
    _json("status", null=True),  # the device's last Status, as JSON
    _json("facts", null=True),  # inventory
    PrimaryKeyConstraint("organisation_id", "id"),
    UniqueConstraint("id"),
    UniqueConstraint("organisation_id", "name"),
)

certificates = Table(
    "certificates",
    metadata,
    _org(),
    _text("device_id"),
    Column("serial", Text, primary_key=True),
    _when("not_after"),
    _when("issued_at", now=True),
    _when("revoked_at", null=True),
    _of_device(),
)

# --- telemetry --------------------------------------------------------------------------------------------------------

epochs = Table(  # how far a device's spool is committed; moves in the transaction that stores the message
    "epochs",
    metadata,
    _org(),
    _text("device_id"),
    Column("epoch", LargeBinary, nullable=False),
    Column("high_water", BigInteger, nullable=False),
    _when("started_at", now=True),
    PrimaryKeyConstraint("organisation_id", "device_id", "epoch"),
    _of_device(),
)

series = Table(
    "series",
    metadata,
    _org(),
    _text("device_id"),
    Column("id", Integer, Identity(), nullable=False),
    _text("name"),
    _json("labels"),
    _text("text"),  # folder_used_bytes{folder="app-logs"}, labels sorted
    _text("kind"),  # gauge, counter
    PrimaryKeyConstraint("organisation_id", "device_id", "id"),
    UniqueConstraint("organisation_id", "device_id", "text"),
    _of_device(),
)

batches = Table(  # what was received, until the compactor has made blocks of it; never updated
    "batches",
    metadata,
    _org(),
    _text("device_id"),
    Column("epoch", LargeBinary, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("first_ms", BigInteger, nullable=False),
    Column("last_ms", BigInteger, nullable=False),
    _when("received_at", now=True),
    Column("payload", LargeBinary, nullable=False),  # SampleBatch with the server's series ids
    PrimaryKeyConstraint("organisation_id", "device_id", "epoch", "sequence"),
    Index("ix_batches_device_time", "organisation_id", "device_id", "last_ms"),
)

blocks = Table(  # one compressed block a device and hour
    "blocks",
    metadata,
    _org(),
    _text("device_id"),
    Column("hour_ms", BigInteger, nullable=False),
    Column("part", Integer, nullable=False, server_default="0"),  # late batches make further parts of an hour
    Column("samples", Integer, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    PrimaryKeyConstraint("organisation_id", "device_id", "hour_ms", "part"),
)

changes = Table(
    "changes",
    metadata,
    _org(),
    _text("id"),  # chg_...
    _text("device_id"),
    _text("kind"),
    _text("object"),  # a path, a package, ...
    _text("name"),  # the policy's name for it, what actions take as a parameter
    _text("summary"),
    _text("diff"),
    _text("who"),
    _text("before_digest"),
    _text("after_digest"),
    _when("at"),  # by the device's clock
    _when("received_at", now=True),
    PrimaryKeyConstraint("organisation_id", "id"),
    Index("ix_changes_device_at", "organisation_id", "device_id", "at"),
    _of_device(),
)

notices = Table(
    "notices",
    metadata,
    _org(),
    _text("device_id"),
    _text("code"),
    _text("what"),
    _text("remedy"),
    _when("at"),
    PrimaryKeyConstraint("organisation_id", "device_id", "code"),
    _of_device(),
)

# --- prediction -------------------------------------------------------------------------------------------------------

forecasts = Table(
    "forecasts",
    metadata,
    _org(),
    _text("id"),  # fct_...
    _text("device_id"),
    Column("series_id", Integer, nullable=False),
    _text("predictor"),  # exhaustion
    _text("resource"),  # folder, filesystem, memory, ...
    _text("object"),  # app-logs, /var, ...
    _text("state"),  # open, closed
    _when("made_at"),  # first made
    _when("updated_at"),
    _when("full_at", null=True),  # most likely
    _when("full_at_low", null=True),  # 80 % interval
    _when("full_at_high", null=True),
    _when("first_full_at", null=True),  # what it said when it opened: this is what is scored
    _when("onset_at", null=True),  # when the growth began
    Column("confidence", Double, nullable=False),
    Column("value", Double, nullable=False),
    Column("capacity", Double, nullable=False),
    Column("growth_per_s", Double, nullable=False),
    _json("path", null=True),  # [[ms, low, median, high], ...] to draw the band
    _text("outcome", null=True),  # hit, miss, prevented, withdrawn
    _when("outcome_at", null=True),
    Column("lead_s", Double),
    _text("outcome_why", null=True),
    PrimaryKeyConstraint("organisation_id", "id"),
    Index("ix_forecasts_open", "organisation_id", "device_id", "series_id", postgresql_where=text("state = 'open'")),
    _of_device(),
)

# --- alerts, tickets --------------------------------------------------------------------------------------------------

alerts = Table(
    "alerts",
    metadata,
    _org(),
    _text("id"),  # alr_...
    _text("fingerprint"),
    _text("device_id"),
    _text("kind"),  # exhaustion, silent, clock_skew, ...
    _text("object"),
    _text("severity"),  # failing, soon, watch
    _text("title"),
    _text("state"),  # firing, resolved
    _when("opened_at"),
    _when("last_at"),
    _when("resolved_at", null=True),
    _text("ticket_id", null=True),
    _text("forecast_id", null=True),
    _json("figures"),
    PrimaryKeyConstraint("organisation_id", "id"),
    Index("uq_alerts_firing", "organisation_id", "fingerprint", unique=True, postgresql_where=text("state = 'firing'")),
    _of_device(),
)

tickets = Table(
    "tickets",
    metadata,
    _org(),
    _text("id"),  # tkt_...
    Column("number", BigInteger, nullable=False),  # T-1 within the organisation
    _text("device_id"),
    _text("title"),
    _text("state"),  # open, resolved, closed
    _text("stage"),  # predicted, checked, proposed, waiting, running, verifying, resolved
    Column("priority", Integer, nullable=False),  # 1..4
    _text("fingerprint"),
    _text("assignee", null=True),
    _when("opened_at"),
    _when("resolved_at", null=True),
    _text("resolution", null=True),
    Column("version", Integer, nullable=False, server_default="1"),
    PrimaryKeyConstraint("organisation_id", "id"),
    UniqueConstraint("organisation_id", "number"),
    _of_device(),
)

causes = Table(  # changes ranked as the ticket's likely cause
    "causes",
    metadata,
    _org(),
    _text("ticket_id"),
    _text("change_id"),
    Column("rank", Integer, nullable=False),
    Column("weight", Double, nullable=False),
    _text("why"),
    PrimaryKeyConstraint("organisation_id", "ticket_id", "change_id"),
)

findings = Table(
    "findings",
    metadata,
    _org(),
    _text("id"),  # fnd_...
    _text("device_id"),
    _text("ticket_id", null=True),
    _text("run_id", null=True),
    _text("check"),
    _text("severity"),  # fine, note, serious, failing
    _text("title"),
    _text("advice"),
    _json("evidence"),  # [[key, value], ...]
    _json("figures"),
    Column("duration_ms", Double),
    _when("at"),
    PrimaryKeyConstraint("organisation_id", "id"),
    Index("ix_findings_ticket", "organisation_id", "ticket_id"),
    _of_device(),
)

timeline = Table(
    "timeline",
    metadata,
    _org(),
    _text("id"),  # evt_...
    _text("ticket_id"),
    _when("at"),
    _text(
        "kind"
    ),  # forecast, change, alert, check, proposed, requested, signed, run, verified, resolved, message, refused
    _text("text"),
    _text("actor"),  # a person, "device", "server"
    _json("detail"),
    PrimaryKeyConstraint("organisation_id", "id"),
    Index("ix_timeline_ticket", "organisation_id", "ticket_id", "at"),
)

# --- runs -------------------------------------------------------------------------------------------------------------

runs = Table(
    "runs",
    metadata,
    _org(),
    _text("id"),  # run_...
    _text("ticket_id", null=True),
    _text("device_id"),
    _text("playbook"),
    _text("requester"),  # a person, or "server"
    # planning, planned (waits for signatures), executing, succeeded, failed, refused, denied, expired, superseded
    _text("state"),
    _json("steps"),
    _text("plan_id", null=True),
    Column("plan_text", LargeBinary),
    _text("plan_digest", null=True),
    _text("device_signature", null=True),
    _text("risk", null=True),
    _when("created_at", now=True),
    _when("planned_at", null=True),
    _when("expires_at", null=True),
    _when("finished_at", null=True),
    _text("code", null=True),
    _text("what", null=True),
    PrimaryKeyConstraint("organisation_id", "id"),
    _of_device(),
)

run_events = Table(
    "run_events",
    metadata,
    _org(),
    _text("id"),
    _text("run_id"),
    _when("at"),
    Column("step", Integer, nullable=False),
    _text(
        "state"
    ),  # started, step_started, step_done, step_skipped, step_failed, step_reverted, succeeded, failed, refused
    _text("what"),
    _text("code"),
    _text("ledger_digest"),
    PrimaryKeyConstraint("organisation_id", "id"),
    Index("ix_run_events_run", "organisation_id", "run_id", "at"),
)

signatures = Table(
    "signatures",
    metadata,
    _org(),
    _text("run_id"),
    _text("person"),
    _text("purpose"),  # request, approve
    _text("sshsig"),
    _when("at", now=True),
    PrimaryKeyConstraint("organisation_id", "run_id", "person", "purpose"),
)

# --- audit, jobs ------------------------------------------------------------------------------------------------------

ledger = Table(  # append-only; the sequencer fills position, previous and digest
    "ledger",
    metadata,
    _org(),
    _text("id"),  # led_...
    _when("at", now=True),
    _text("actor"),
    _text("verb"),
    _text("object"),
    _json("payload", null=True),  # may be erased; the chain holds only its digest
    _text("payload_digest"),
    Column("position", BigInteger),  # null until chained
    _text("previous", null=True),
    _text("digest", null=True),
    PrimaryKeyConstraint("organisation_id", "id"),
    UniqueConstraint("organisation_id", "position"),
)

jobs = Table(
    "jobs",
    metadata,
    _org(),
    _text("id"),  # job_...
    _text("kind"),
    _json("payload"),
    _when("run_at"),
    _text("state"),  # waiting, running, done, failed
    Column("attempts", Integer, nullable=False, server_default="0"),
    _text("error", null=True),
    PrimaryKeyConstraint("organisation_id", "id"),
    Index("ix_jobs_due", "run_at", postgresql_where=text("state = 'waiting'")),
)

idempotency = Table(
    "idempotency",
    metadata,
    _org(),
    _text("account_id"),
    _text("key"),
    _text("request_digest"),
    Column("status", Integer, nullable=False),
    _json("answer"),
    _when("created_at", now=True),
    PrimaryKeyConstraint("organisation_id", "account_id", "key"),
)
