CREATE TABLE wishes (
    organisation_id TEXT NOT NULL,
    device_id TEXT NOT NULL,
    wishes JSONB NOT NULL,
    made_by TEXT NOT NULL,
    made_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_wishes PRIMARY KEY (organisation_id, device_id),
    CONSTRAINT fk_wishes_devices FOREIGN KEY(organisation_id, device_id) REFERENCES devices (organisation_id, id) ON DELETE CASCADE
);

ALTER TABLE wishes ENABLE ROW LEVEL SECURITY;

ALTER TABLE wishes FORCE ROW LEVEL SECURITY;

CREATE POLICY organisation ON wishes USING (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*') WITH CHECK (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*');

