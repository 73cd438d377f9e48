ALTER TABLE runs ADD COLUMN grant_id TEXT;

CREATE TABLE grant_signatures (
    organisation_id TEXT NOT NULL,
    grant_id TEXT NOT NULL,
    person TEXT NOT NULL,
    purpose TEXT NOT NULL,
    armored TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_grant_signatures PRIMARY KEY (organisation_id, grant_id, person, purpose)
);

ALTER TABLE grant_signatures ENABLE ROW LEVEL SECURITY;

ALTER TABLE grant_signatures FORCE ROW LEVEL SECURITY;

CREATE POLICY organisation ON grant_signatures USING (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*') WITH CHECK (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*');

CREATE TABLE grants (
    organisation_id TEXT NOT NULL,
    id TEXT NOT NULL,
    kind TEXT NOT NULL,
    playbook TEXT NOT NULL,
    requester TEXT NOT NULL,
    ticket_id TEXT,
    risk TEXT NOT NULL,
    state TEXT NOT NULL,
    text BYTEA NOT NULL,
    digest TEXT NOT NULL,
    not_before TIMESTAMP WITH TIME ZONE NOT NULL,
    expires TIMESTAMP WITH TIME ZONE NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    decided_at TIMESTAMP WITH TIME ZONE,
    decided_by TEXT,
    what TEXT,
    CONSTRAINT pk_grants PRIMARY KEY (organisation_id, id)
);

CREATE INDEX ix_grants_open ON grants (organisation_id, expires) WHERE state IN ('waiting', 'active');

ALTER TABLE grants ENABLE ROW LEVEL SECURITY;

ALTER TABLE grants FORCE ROW LEVEL SECURITY;

CREATE POLICY organisation ON grants USING (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*') WITH CHECK (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*');

CREATE TABLE grant_devices (
    organisation_id TEXT NOT NULL,
    grant_id TEXT NOT NULL,
    device_id TEXT NOT NULL,
    run_id TEXT NOT NULL,
    state TEXT NOT NULL,
    code TEXT,
    what TEXT,
    at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_grant_devices PRIMARY KEY (organisation_id, grant_id, device_id),
    CONSTRAINT fk_grant_devices_devices FOREIGN KEY(organisation_id, device_id) REFERENCES devices (organisation_id, id) ON DELETE CASCADE
);

ALTER TABLE grant_devices ENABLE ROW LEVEL SECURITY;

ALTER TABLE grant_devices FORCE ROW LEVEL SECURITY;

CREATE POLICY organisation ON grant_devices USING (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*') WITH CHECK (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*');

