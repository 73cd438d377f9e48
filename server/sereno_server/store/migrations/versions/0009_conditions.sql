CREATE TABLE conditions (
    organisation_id TEXT NOT NULL,
    id TEXT NOT NULL,
    device_id TEXT NOT NULL,
    rule TEXT NOT NULL,
    object TEXT NOT NULL,
    title TEXT NOT NULL,
    figure DOUBLE PRECISION NOT NULL,
    onset_at TIMESTAMP WITH TIME ZONE NOT NULL,
    made_at TIMESTAMP WITH TIME ZONE NOT NULL,
    closed_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_conditions PRIMARY KEY (organisation_id, id),
    CONSTRAINT fk_conditions_devices FOREIGN KEY(organisation_id, device_id) REFERENCES devices (organisation_id, id) ON DELETE CASCADE
);

CREATE UNIQUE INDEX uq_conditions_open ON conditions (organisation_id, device_id, rule, object) WHERE closed_at IS NULL;

ALTER TABLE conditions ENABLE ROW LEVEL SECURITY;

ALTER TABLE conditions FORCE ROW LEVEL SECURITY;

CREATE POLICY organisation ON conditions USING (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*') WITH CHECK (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*');

