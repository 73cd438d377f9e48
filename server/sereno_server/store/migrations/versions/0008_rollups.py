"""Rollups of 5 minutes and hours; blocks in partitions of a day, so that their time can end.

The blocks that are there become the default partition: what is too old is deleted from it, nothing is copied.
"""

from pathlib import Path

from alembic import op

revision = "0008"
down_revision = "0010"
branch_labels = None
depends_on = None

_SCOPE = "(SELECT current_setting('sereno.organisation', true))"
_VISIBLE = f"organisation_id = {_SCOPE} OR {_SCOPE} = '*'"
_BLOCKS = """
    ALTER TABLE blocks RENAME TO blocks_default;
    ALTER TABLE blocks_default RENAME CONSTRAINT pk_blocks TO blocks_default_pkey;
    CREATE TABLE blocks (
        organisation_id TEXT NOT NULL,
        device_id TEXT NOT NULL,
        hour_ms BIGINT NOT NULL,
        part INTEGER DEFAULT '0' NOT NULL,
        samples INTEGER NOT NULL,
        payload BYTEA NOT NULL,
        CONSTRAINT pk_blocks PRIMARY KEY (organisation_id, device_id, hour_ms, part)
    ) PARTITION BY RANGE (hour_ms);
    ALTER TABLE blocks ATTACH PARTITION blocks_default DEFAULT;
    INSERT INTO rollup_due
        SELECT DISTINCT organisation_id, device_id, hour_ms / 86400000 * 86400000 FROM blocks_default;
"""


def upgrade() -> None:
    connection = op.get_bind()
    connection.exec_driver_sql(Path(__file__).with_suffix(".sql").read_text())
    connection.exec_driver_sql("SELECT set_config('sereno.organisation', '*', true)")
    connection.exec_driver_sql(_BLOCKS)
    connection.exec_driver_sql(f"""
        ALTER TABLE blocks ENABLE ROW LEVEL SECURITY;
        ALTER TABLE blocks FORCE ROW LEVEL SECURITY;
        CREATE POLICY organisation ON blocks USING ({_VISIBLE}) WITH CHECK ({_VISIBLE});
    """)
    for parent in ("rollups_5m", "rollups_1h"):
        default = f"{parent}_default"
        connection.exec_driver_sql(f"""
            CREATE TABLE {default} PARTITION OF {parent} DEFAULT;
            ALTER TABLE {default} ENABLE ROW LEVEL SECURITY;
            ALTER TABLE {default} FORCE ROW LEVEL SECURITY;
            CREATE POLICY organisation ON {default} USING ({_VISIBLE}) WITH CHECK ({_VISIBLE});
        """)
    for table in ("blocks", "blocks_default", "rollups_5m", "rollups_5m_default", "rollups_1h", "rollups_1h_default"):
        # What is compressed already is not compressed again.
        connection.exec_driver_sql(f"ALTER TABLE {table} ALTER COLUMN payload SET STORAGE EXTERNAL")
