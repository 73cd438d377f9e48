"""Roots that came after the first, how approvers are reached, and whom a request was told."""

from pathlib import Path

from alembic import op

revision = "0018"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text())
