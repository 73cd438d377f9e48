CREATE TABLE device_names (
    organisation_id TEXT NOT NULL,
    device_id TEXT NOT NULL,
    name TEXT NOT NULL,
    text BYTEA NOT NULL,
    armored TEXT NOT NULL,
    registrar TEXT NOT NULL,
    issued TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_device_names PRIMARY KEY (organisation_id, device_id),
    CONSTRAINT fk_device_names_devices FOREIGN KEY(organisation_id, device_id) REFERENCES devices (organisation_id, id) ON DELETE CASCADE
);

ALTER TABLE device_names ENABLE ROW LEVEL SECURITY;

ALTER TABLE device_names FORCE ROW LEVEL SECURITY;

CREATE POLICY organisation ON device_names USING (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*') WITH CHECK (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*');

