CREATE TABLE anomaly_causes (
    organisation_id TEXT NOT NULL,
    anomaly_id TEXT NOT NULL,
    change_id TEXT NOT NULL,
    rank INTEGER NOT NULL,
    weight DOUBLE PRECISION NOT NULL,
    why TEXT NOT NULL,
    CONSTRAINT pk_anomaly_causes PRIMARY KEY (organisation_id, anomaly_id, change_id)
);

ALTER TABLE anomaly_causes ENABLE ROW LEVEL SECURITY;

ALTER TABLE anomaly_causes FORCE ROW LEVEL SECURITY;

CREATE POLICY organisation ON anomaly_causes USING (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*') WITH CHECK (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*');

CREATE TABLE differences (
    organisation_id TEXT NOT NULL,
    device_id TEXT NOT NULL,
    series_id BIGINT NOT NULL,
    text TEXT NOT NULL,
    since TIMESTAMP WITH TIME ZONE NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    value DOUBLE PRECISION NOT NULL,
    usual DOUBLE PRECISION NOT NULL,
    distance DOUBLE PRECISION NOT NULL,
    siblings INTEGER NOT NULL,
    among JSONB NOT NULL,
    CONSTRAINT pk_differences PRIMARY KEY (organisation_id, device_id, series_id),
    CONSTRAINT fk_differences_devices FOREIGN KEY(organisation_id, device_id) REFERENCES devices (organisation_id, id) ON DELETE CASCADE
);

ALTER TABLE differences ENABLE ROW LEVEL SECURITY;

ALTER TABLE differences FORCE ROW LEVEL SECURITY;

CREATE POLICY organisation ON differences USING (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*') WITH CHECK (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*');

