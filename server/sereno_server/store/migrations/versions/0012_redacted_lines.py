"""Log blocks count the lines in which the device took out a secret."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("log_blocks", sa.Column("redacted", sa.BigInteger, nullable=False, server_default="0"))


def downgrade() -> None:
    op.drop_column("log_blocks", "redacted")
