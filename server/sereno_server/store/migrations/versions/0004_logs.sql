CREATE TABLE log_blocks (
    organisation_id TEXT NOT NULL,
    device_id TEXT NOT NULL,
    day DATE NOT NULL,
    epoch BYTEA NOT NULL,
    sequence BIGINT NOT NULL,
    source TEXT NOT NULL,
    first_ms BIGINT NOT NULL,
    last_ms BIGINT NOT NULL,
    lines INTEGER NOT NULL,
    worst SMALLINT NOT NULL,
    withheld BIGINT NOT NULL,
    payload BYTEA NOT NULL,
    CONSTRAINT pk_log_blocks PRIMARY KEY (organisation_id, device_id, day, epoch, sequence)
)
 PARTITION BY RANGE (day);

CREATE INDEX ix_log_blocks_device_time ON log_blocks (organisation_id, device_id, last_ms);

ALTER TABLE log_blocks ENABLE ROW LEVEL SECURITY;

ALTER TABLE log_blocks FORCE ROW LEVEL SECURITY;

CREATE POLICY organisation ON log_blocks USING (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*') WITH CHECK (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*');

CREATE TABLE log_lines (
    organisation_id TEXT NOT NULL,
    device_id TEXT NOT NULL,
    day DATE NOT NULL,
    epoch BYTEA NOT NULL,
    sequence BIGINT NOT NULL,
    place INTEGER NOT NULL,
    at_ms BIGINT NOT NULL,
    severity SMALLINT NOT NULL,
    source TEXT NOT NULL,
    origin TEXT NOT NULL,
    text TEXT NOT NULL,
    CONSTRAINT pk_log_lines PRIMARY KEY (organisation_id, device_id, day, epoch, sequence, place)
)
 PARTITION BY RANGE (day);

CREATE INDEX ix_log_lines_device_time ON log_lines (organisation_id, device_id, at_ms);

ALTER TABLE log_lines ENABLE ROW LEVEL SECURITY;

ALTER TABLE log_lines FORCE ROW LEVEL SECURITY;

CREATE POLICY organisation ON log_lines USING (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*') WITH CHECK (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*');

