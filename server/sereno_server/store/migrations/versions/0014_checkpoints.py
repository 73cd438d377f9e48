"""The Merkle tree over the ledger, and the signed heads of it that witnesses keep."""

from pathlib import Path

from alembic import op

revision = "0014"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text())
