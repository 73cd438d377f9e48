CREATE TABLE rollup_due (
    organisation_id TEXT NOT NULL,
    device_id TEXT NOT NULL,
    day_ms BIGINT NOT NULL,
    CONSTRAINT pk_rollup_due PRIMARY KEY (organisation_id, device_id, day_ms)
);

CREATE INDEX ix_rollup_due_day ON rollup_due (day_ms);

ALTER TABLE rollup_due ENABLE ROW LEVEL SECURITY;

ALTER TABLE rollup_due FORCE ROW LEVEL SECURITY;

CREATE POLICY organisation ON rollup_due USING (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*') WITH CHECK (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*');

CREATE TABLE rollups_1h (
    organisation_id TEXT NOT NULL,
    device_id TEXT NOT NULL,
    day_ms BIGINT NOT NULL,
    payload BYTEA NOT NULL,
    CONSTRAINT pk_rollups_1h PRIMARY KEY (organisation_id, device_id, day_ms)
)
 PARTITION BY RANGE (day_ms);

ALTER TABLE rollups_1h ENABLE ROW LEVEL SECURITY;

ALTER TABLE rollups_1h FORCE ROW LEVEL SECURITY;

CREATE POLICY organisation ON rollups_1h USING (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*') WITH CHECK (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*');

CREATE TABLE rollups_5m (
    organisation_id TEXT NOT NULL,
    device_id TEXT NOT NULL,
    day_ms BIGINT NOT NULL,
    payload BYTEA NOT NULL,
    CONSTRAINT pk_rollups_5m PRIMARY KEY (organisation_id, device_id, day_ms)
)
 PARTITION BY RANGE (day_ms);

ALTER TABLE rollups_5m ENABLE ROW LEVEL SECURITY;

ALTER TABLE rollups_5m FORCE ROW LEVEL SECURITY;

CREATE POLICY organisation ON rollups_5m USING (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*') WITH CHECK (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*');

