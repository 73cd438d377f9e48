"""A plan may be signed by a passkey too: the column no longer says that it is an SSHSIG."""

from alembic import op

revision = "0013"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.alter_column("signatures", "sshsig", new_column_name="armored")
