CREATE TABLE checkpoints (
    organisation_id TEXT NOT NULL,
    size BIGINT NOT NULL,
    text BYTEA NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_checkpoints PRIMARY KEY (organisation_id, size)
);

ALTER TABLE checkpoints ENABLE ROW LEVEL SECURITY;

ALTER TABLE checkpoints FORCE ROW LEVEL SECURITY;

CREATE POLICY organisation ON checkpoints USING (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*') WITH CHECK (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*');

CREATE TABLE ledger_nodes (
    organisation_id TEXT NOT NULL,
    level SMALLINT NOT NULL,
    index BIGINT NOT NULL,
    hash BYTEA NOT NULL,
    CONSTRAINT pk_ledger_nodes PRIMARY KEY (organisation_id, level, index)
);

ALTER TABLE ledger_nodes ENABLE ROW LEVEL SECURITY;

ALTER TABLE ledger_nodes FORCE ROW LEVEL SECURITY;

CREATE POLICY organisation ON ledger_nodes USING (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*') WITH CHECK (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*');

