"""Grants made in advance, the signatures on them, and what became of each on its devices."""

from sqlalchemy import Column, Index, LargeBinary, PrimaryKeyConstraint, Table, text

from sereno_server.store.tables.columns import metadata, of_device, organisation, when, words

grants = Table(
    "grants",
    metadata,
    organisation(),
    words("id"),  # grt_...
    words("kind"),  # bounds, standing-grant
    words("playbook"),
    words("requester"),
    words("ticket_id", null=True),
    words("risk"),
    words("state"),  # waiting (for signatures), active, denied, revoked
    Column("text", LargeBinary, nullable=False),
    words("digest"),
    when("not_before"),
    when("expires"),
    when("created_at", now=True),
    when("decided_at", null=True),  # became active, was denied or revoked
    words("decided_by", null=True),
    words("what", null=True),  # why it was denied or revoked
    PrimaryKeyConstraint("organisation_id", "id"),
    Index("ix_grants_open", "organisation_id", "expires", postgresql_where=text("state IN ('waiting', 'active')")),
)

grant_signatures = Table(
    "grant_signatures",
    metadata,
    organisation(),
    words("grant_id"),
    words("person"),
    words("purpose"),  # request, approve
    words("armored"),  # an SSHSIG, or a passkey's assertion
    when("at", now=True),
    PrimaryKeyConstraint("organisation_id", "grant_id", "person", "purpose"),
)

grant_devices = Table(
    "grant_devices",
    metadata,
    organisation(),
    words("grant_id"),
    words("device_id"),
    words("run_id"),  # of bounds: what the run is called on this device
    words("state"),  # waiting (to be offered), offered (not answered yet), taken, refused, revoked, expired
    words("code", null=True),
    words("what", null=True),
    when("at", null=True),  # of the last answer
    PrimaryKeyConstraint("organisation_id", "grant_id", "device_id"),
    of_device(),
)
