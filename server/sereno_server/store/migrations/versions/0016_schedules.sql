CREATE TABLE schedules (
    organisation_id TEXT NOT NULL,
    id TEXT NOT NULL,
    playbook TEXT NOT NULL,
    parameters JSONB NOT NULL,
    target JSONB NOT NULL,
    rings JSONB NOT NULL,
    failures_max INTEGER NOT NULL,
    pause_s INTEGER NOT NULL,
    cron TEXT NOT NULL,
    zone TEXT NOT NULL,
    in_maintenance BOOLEAN NOT NULL,
    made_by TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    next_at TIMESTAMP WITH TIME ZONE NOT NULL,
    last_at TIMESTAMP WITH TIME ZONE,
    last_what TEXT,
    CONSTRAINT pk_schedules PRIMARY KEY (organisation_id, id)
);

CREATE INDEX ix_schedules_next ON schedules (next_at);

ALTER TABLE schedules ENABLE ROW LEVEL SECURITY;

ALTER TABLE schedules FORCE ROW LEVEL SECURITY;

CREATE POLICY organisation ON schedules USING (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*') WITH CHECK (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*');

