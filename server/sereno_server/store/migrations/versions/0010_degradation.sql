ALTER TABLE forecasts ADD COLUMN first_confidence DOUBLE PRECISION;

CREATE TABLE organisation_days (
    organisation_id TEXT NOT NULL,
    day DATE NOT NULL,
    worst SMALLINT NOT NULL,
    last SMALLINT NOT NULL,
    parts JSONB NOT NULL,
    CONSTRAINT pk_organisation_days PRIMARY KEY (organisation_id, day)
);

ALTER TABLE organisation_days ENABLE ROW LEVEL SECURITY;

ALTER TABLE organisation_days FORCE ROW LEVEL SECURITY;

CREATE POLICY organisation ON organisation_days USING (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*') WITH CHECK (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*');

CREATE TABLE degradation_days (
    organisation_id TEXT NOT NULL,
    device_id TEXT NOT NULL,
    day DATE NOT NULL,
    worst SMALLINT NOT NULL,
    last SMALLINT NOT NULL,
    parts JSONB NOT NULL,
    CONSTRAINT pk_degradation_days PRIMARY KEY (organisation_id, device_id, day),
    CONSTRAINT fk_degradation_days_devices FOREIGN KEY(organisation_id, device_id) REFERENCES devices (organisation_id, id) ON DELETE CASCADE
);

ALTER TABLE degradation_days ENABLE ROW LEVEL SECURITY;

ALTER TABLE degradation_days FORCE ROW LEVEL SECURITY;

CREATE POLICY organisation ON degradation_days USING (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*') WITH CHECK (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*');

CREATE TABLE degradations (
    organisation_id TEXT NOT NULL,
    device_id TEXT NOT NULL,
    score SMALLINT NOT NULL,
    parts JSONB NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_degradations PRIMARY KEY (organisation_id, device_id),
    CONSTRAINT fk_degradations_devices FOREIGN KEY(organisation_id, device_id) REFERENCES devices (organisation_id, id) ON DELETE CASCADE
);

CREATE INDEX ix_degradations_score ON degradations (organisation_id, score);

ALTER TABLE degradations ENABLE ROW LEVEL SECURITY;

ALTER TABLE degradations FORCE ROW LEVEL SECURITY;

CREATE POLICY organisation ON degradations USING (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*') WITH CHECK (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*');

