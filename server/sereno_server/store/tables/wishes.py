"""What people wish of a device: the device itself decides, and takes only what makes it stricter."""

from sqlalchemy import PrimaryKeyConstraint, Table

from sereno_server.store.tables.columns import document, metadata, of_device, organisation, when, words

wishes = Table(
    "wishes",
    metadata,
    organisation(),
    words("device_id"),
    document("wishes"),
    words("made_by"),
    when("made_at", now=True),
    PrimaryKeyConstraint("organisation_id", "device_id"),
    of_device(),
)
