CREATE TABLE anomalies (
    organisation_id TEXT NOT NULL,
    id TEXT NOT NULL,
    device_id TEXT NOT NULL,
    state TEXT NOT NULL,
    made_at TIMESTAMP WITH TIME ZONE NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    onset_at TIMESTAMP WITH TIME ZONE NOT NULL,
    strength DOUBLE PRECISION NOT NULL,
    title TEXT NOT NULL,
    series JSONB NOT NULL,
    outcome TEXT,
    outcome_at TIMESTAMP WITH TIME ZONE,
    outcome_why TEXT,
    CONSTRAINT pk_anomalies PRIMARY KEY (organisation_id, id),
    CONSTRAINT fk_anomalies_devices FOREIGN KEY(organisation_id, device_id) REFERENCES devices (organisation_id, id) ON DELETE CASCADE
);

CREATE INDEX ix_anomalies_made ON anomalies (organisation_id, device_id, made_at);

CREATE INDEX ix_anomalies_open ON anomalies (organisation_id, device_id) WHERE state = 'open';

ALTER TABLE anomalies ENABLE ROW LEVEL SECURITY;

ALTER TABLE anomalies FORCE ROW LEVEL SECURITY;

CREATE POLICY organisation ON anomalies USING (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*') WITH CHECK (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*');

