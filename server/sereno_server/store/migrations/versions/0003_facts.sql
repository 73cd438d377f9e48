CREATE TABLE facts (
    organisation_id TEXT NOT NULL,
    device_id TEXT NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    value TEXT NOT NULL,
    CONSTRAINT pk_facts PRIMARY KEY (organisation_id, device_id, key),
    CONSTRAINT fk_facts_devices FOREIGN KEY(organisation_id, device_id) REFERENCES devices (organisation_id, id) ON DELETE CASCADE
);

CREATE INDEX ix_facts_key ON facts (organisation_id, key);

ALTER TABLE facts ENABLE ROW LEVEL SECURITY;

ALTER TABLE facts FORCE ROW LEVEL SECURITY;

CREATE POLICY organisation ON facts USING (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*') WITH CHECK (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*');

CREATE TABLE inventories (
    organisation_id TEXT NOT NULL,
    device_id TEXT NOT NULL,
    digest TEXT NOT NULL,
    told_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_inventories PRIMARY KEY (organisation_id, device_id),
    CONSTRAINT fk_inventories_devices FOREIGN KEY(organisation_id, device_id) REFERENCES devices (organisation_id, id) ON DELETE CASCADE
);

ALTER TABLE inventories ENABLE ROW LEVEL SECURITY;

ALTER TABLE inventories FORCE ROW LEVEL SECURITY;

CREATE POLICY organisation ON inventories USING (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*') WITH CHECK (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*');

