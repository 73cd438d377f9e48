CREATE TABLE ratings (
    organisation_id TEXT NOT NULL,
    ticket_id TEXT NOT NULL,
    person TEXT NOT NULL,
    useful BOOLEAN NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_ratings PRIMARY KEY (organisation_id, ticket_id, person)
);

ALTER TABLE ratings ENABLE ROW LEVEL SECURITY;

ALTER TABLE ratings FORCE ROW LEVEL SECURITY;

CREATE POLICY organisation ON ratings USING (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*') WITH CHECK (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*');

CREATE TABLE mutes (
    organisation_id TEXT NOT NULL,
    id TEXT NOT NULL,
    device_id TEXT NOT NULL,
    predictor TEXT NOT NULL,
    resource TEXT NOT NULL,
    object TEXT NOT NULL,
    why TEXT NOT NULL,
    since TIMESTAMP WITH TIME ZONE NOT NULL,
    ended_at TIMESTAMP WITH TIME ZONE,
    ended_by TEXT,
    CONSTRAINT pk_mutes PRIMARY KEY (organisation_id, id),
    CONSTRAINT fk_mutes_devices FOREIGN KEY(organisation_id, device_id) REFERENCES devices (organisation_id, id) ON DELETE CASCADE
);

CREATE UNIQUE INDEX uq_mutes_active ON mutes (organisation_id, device_id, predictor, resource, object) WHERE ended_at IS NULL;

ALTER TABLE mutes ENABLE ROW LEVEL SECURITY;

ALTER TABLE mutes FORCE ROW LEVEL SECURITY;

CREATE POLICY organisation ON mutes USING (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*') WITH CHECK (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*');

