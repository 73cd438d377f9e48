ALTER TABLE runs ADD COLUMN rollout_id TEXT;

ALTER TABLE runs ADD COLUMN ring INTEGER;

CREATE TABLE rollouts (
    organisation_id TEXT NOT NULL,
    id TEXT NOT NULL,
    playbook TEXT NOT NULL,
    requester TEXT NOT NULL,
    parameters JSONB NOT NULL,
    target TEXT NOT NULL,
    ring INTEGER NOT NULL,
    rings INTEGER NOT NULL,
    pause_s INTEGER NOT NULL,
    failures_max INTEGER NOT NULL,
    state TEXT NOT NULL,
    what TEXT,
    schedule_id TEXT,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    ring_over_at TIMESTAMP WITH TIME ZONE,
    finished_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_rollouts PRIMARY KEY (organisation_id, id)
);

CREATE INDEX ix_rollouts_live ON rollouts (organisation_id, id) WHERE state = 'running';

ALTER TABLE rollouts ENABLE ROW LEVEL SECURITY;

ALTER TABLE rollouts FORCE ROW LEVEL SECURITY;

CREATE POLICY organisation ON rollouts USING (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*') WITH CHECK (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*');

