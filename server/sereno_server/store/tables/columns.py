"""The columns that tables share, and the metadata that they belong to."""

from datetime import datetime

from sqlalchemy import Column, DateTime, ForeignKeyConstraint, MetaData, Text, func
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def words(name: str, *, null: bool = False) -> Column[str]:
    """A text column."""
    return Column(name, Text, nullable=null)


def when(name: str, *, null: bool = False, now: bool = False) -> Column[datetime]:
    """A UTC timestamp; `now` lets the database fill it in."""
    return Column(name, DateTime(timezone=True), nullable=null, server_default=func.now() if now else None)


def document(name: str, *, null: bool = False) -> Column[dict[str, object]]:
    """A JSON column."""
    return Column(name, JSONB, nullable=null)


def organisation() -> Column[str]:
    """The column that row-level security compares with the transaction's scope."""
    return Column("organisation_id", Text, nullable=False)


def of_device() -> ForeignKeyConstraint:
    """A row of a device goes when the device goes."""
    return ForeignKeyConstraint(
        ["organisation_id", "device_id"], ["devices.organisation_id", "devices.id"], ondelete="CASCADE"
    )
