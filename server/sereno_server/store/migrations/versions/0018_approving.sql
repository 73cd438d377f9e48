ALTER TABLE organisations ADD COLUMN later_roots JSONB;

CREATE TABLE approval_notices (
    organisation_id TEXT NOT NULL,
    "of" TEXT NOT NULL,
    person TEXT NOT NULL,
    channel TEXT NOT NULL,
    state TEXT NOT NULL,
    due_at TIMESTAMP WITH TIME ZONE NOT NULL,
    told_at TIMESTAMP WITH TIME ZONE,
    tries BIGINT NOT NULL,
    what TEXT,
    CONSTRAINT pk_approval_notices PRIMARY KEY (organisation_id, "of", person, channel)
);

ALTER TABLE approval_notices ENABLE ROW LEVEL SECURITY;

ALTER TABLE approval_notices FORCE ROW LEVEL SECURITY;

CREATE POLICY organisation ON approval_notices USING (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*') WITH CHECK (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*');

CREATE TABLE contacts (
    organisation_id TEXT NOT NULL,
    person TEXT NOT NULL,
    mail TEXT,
    webhook TEXT,
    secret TEXT,
    after_s BIGINT NOT NULL,
    CONSTRAINT pk_contacts PRIMARY KEY (organisation_id, person)
);

ALTER TABLE contacts ENABLE ROW LEVEL SECURITY;

ALTER TABLE contacts FORCE ROW LEVEL SECURITY;

CREATE POLICY organisation ON contacts USING (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*') WITH CHECK (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*');

