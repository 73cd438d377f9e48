CREATE TABLE accounts (
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    display_name TEXT NOT NULL,
    role TEXT NOT NULL,
    organisation_id TEXT,
    public_key TEXT,
    disabled BOOLEAN DEFAULT false NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_accounts PRIMARY KEY (id),
    CONSTRAINT uq_accounts_organisation_id_name UNIQUE (organisation_id, name)
);

ALTER TABLE accounts ENABLE ROW LEVEL SECURITY;

ALTER TABLE accounts FORCE ROW LEVEL SECURITY;

CREATE POLICY organisation ON accounts USING (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*') WITH CHECK (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*');

CREATE TABLE batches (
    organisation_id TEXT NOT NULL,
    device_id TEXT NOT NULL,
    epoch BYTEA NOT NULL,
    sequence BIGINT NOT NULL,
    first_ms BIGINT NOT NULL,
    last_ms BIGINT NOT NULL,
    received_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    payload BYTEA NOT NULL,
    CONSTRAINT pk_batches PRIMARY KEY (organisation_id, device_id, epoch, sequence)
);

CREATE INDEX ix_batches_device_time ON batches (organisation_id, device_id, last_ms);

ALTER TABLE batches ENABLE ROW LEVEL SECURITY;

ALTER TABLE batches FORCE ROW LEVEL SECURITY;

CREATE POLICY organisation ON batches USING (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*') WITH CHECK (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*');

CREATE TABLE blocks (
    organisation_id TEXT NOT NULL,
    device_id TEXT NOT NULL,
    hour_ms BIGINT NOT NULL,
    part INTEGER DEFAULT '0' NOT NULL,
    samples INTEGER NOT NULL,
    payload BYTEA NOT NULL,
    CONSTRAINT pk_blocks PRIMARY KEY (organisation_id, device_id, hour_ms, part)
);

ALTER TABLE blocks ENABLE ROW LEVEL SECURITY;

ALTER TABLE blocks FORCE ROW LEVEL SECURITY;

CREATE POLICY organisation ON blocks USING (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*') WITH CHECK (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*');

CREATE TABLE causes (
    organisation_id TEXT NOT NULL,
    ticket_id TEXT NOT NULL,
    change_id TEXT NOT NULL,
    rank INTEGER NOT NULL,
    weight DOUBLE PRECISION NOT NULL,
    why TEXT NOT NULL,
    CONSTRAINT pk_causes PRIMARY KEY (organisation_id, ticket_id, change_id)
);

ALTER TABLE causes ENABLE ROW LEVEL SECURITY;

ALTER TABLE causes FORCE ROW LEVEL SECURITY;

CREATE POLICY organisation ON causes USING (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*') WITH CHECK (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*');

CREATE TABLE credentials (
    digest TEXT NOT NULL,
    kind TEXT NOT NULL,
    account_id TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    used_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_credentials PRIMARY KEY (digest)
);

CREATE TABLE devices (
    organisation_id TEXT NOT NULL,
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    identity_key BYTEA NOT NULL,
    site TEXT,
    parent_id TEXT,
    platform TEXT NOT NULL,
    agent_version TEXT NOT NULL,
    name_verified BOOLEAN DEFAULT false NOT NULL,
    joined_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    last_seen TIMESTAMP WITH TIME ZONE,
    connected_at TIMESTAMP WITH TIME ZONE,
    node TEXT,
    revoked_at TIMESTAMP WITH TIME ZONE,
    clock_offset_ms BIGINT,
    roster_version BIGINT DEFAULT '0' NOT NULL,
    status JSONB,
    facts JSONB,
    CONSTRAINT pk_devices PRIMARY KEY (organisation_id, id),
    CONSTRAINT uq_devices_id UNIQUE (id),
    CONSTRAINT uq_devices_organisation_id_name UNIQUE (organisation_id, name)
);

ALTER TABLE devices ENABLE ROW LEVEL SECURITY;

ALTER TABLE devices FORCE ROW LEVEL SECURITY;

CREATE POLICY organisation ON devices USING (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*') WITH CHECK (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*');

CREATE TABLE idempotency (
    organisation_id TEXT NOT NULL,
    account_id TEXT NOT NULL,
    key TEXT NOT NULL,
    request_digest TEXT NOT NULL,
    status INTEGER NOT NULL,
    answer JSONB NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_idempotency PRIMARY KEY (organisation_id, account_id, key)
);

ALTER TABLE idempotency ENABLE ROW LEVEL SECURITY;

ALTER TABLE idempotency FORCE ROW LEVEL SECURITY;

CREATE POLICY organisation ON idempotency USING (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*') WITH CHECK (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*');

CREATE TABLE jobs (
    organisation_id TEXT NOT NULL,
    id TEXT NOT NULL,
    kind TEXT NOT NULL,
    payload JSONB NOT NULL,
    run_at TIMESTAMP WITH TIME ZONE NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER DEFAULT '0' NOT NULL,
    error TEXT,
    CONSTRAINT pk_jobs PRIMARY KEY (organisation_id, id)
);

CREATE INDEX ix_jobs_due ON jobs (run_at) WHERE state = 'waiting';

ALTER TABLE jobs ENABLE ROW LEVEL SECURITY;

ALTER TABLE jobs FORCE ROW LEVEL SECURITY;

CREATE POLICY organisation ON jobs USING (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*') WITH CHECK (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*');

CREATE TABLE join_codes (
    organisation_id TEXT NOT NULL,
    token_digest TEXT NOT NULL,
    made_by TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    used_at TIMESTAMP WITH TIME ZONE,
    device_id TEXT,
    CONSTRAINT pk_join_codes PRIMARY KEY (token_digest)
);

ALTER TABLE join_codes ENABLE ROW LEVEL SECURITY;

ALTER TABLE join_codes FORCE ROW LEVEL SECURITY;

CREATE POLICY organisation ON join_codes USING (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*') WITH CHECK (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*');

CREATE TABLE leaders (
    name TEXT NOT NULL,
    node TEXT NOT NULL,
    fence BIGINT NOT NULL,
    until TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_leaders PRIMARY KEY (name)
);

CREATE TABLE ledger (
    organisation_id TEXT NOT NULL,
    id TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    actor TEXT NOT NULL,
    verb TEXT NOT NULL,
    object TEXT NOT NULL,
    payload JSONB,
    payload_digest TEXT NOT NULL,
    position BIGINT,
    previous TEXT,
    digest TEXT,
    CONSTRAINT pk_ledger PRIMARY KEY (organisation_id, id),
    CONSTRAINT uq_ledger_organisation_id_position UNIQUE (organisation_id, position)
);

CREATE INDEX ix_ledger_unchained ON ledger (organisation_id, id) WHERE position IS NULL;

ALTER TABLE ledger ENABLE ROW LEVEL SECURITY;

ALTER TABLE ledger FORCE ROW LEVEL SECURITY;

CREATE POLICY organisation ON ledger USING (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*') WITH CHECK (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*');

CREATE TABLE maintenance (
    organisation_id TEXT NOT NULL,
    id TEXT NOT NULL,
    device_id TEXT,
    site TEXT,
    starts_at TIMESTAMP WITH TIME ZONE NOT NULL,
    ends_at TIMESTAMP WITH TIME ZONE NOT NULL,
    reason TEXT NOT NULL,
    made_by TEXT NOT NULL,
    CONSTRAINT pk_maintenance PRIMARY KEY (organisation_id, id)
);

CREATE INDEX ix_maintenance_ends ON maintenance (organisation_id, ends_at);

ALTER TABLE maintenance ENABLE ROW LEVEL SECURITY;

ALTER TABLE maintenance FORCE ROW LEVEL SECURITY;

CREATE POLICY organisation ON maintenance USING (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*') WITH CHECK (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*');

CREATE TABLE organisations (
    organisation_id TEXT NOT NULL,
    name TEXT NOT NULL,
    root_text BYTEA NOT NULL,
    root_signatures JSONB NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_organisations PRIMARY KEY (organisation_id)
);

ALTER TABLE organisations ENABLE ROW LEVEL SECURITY;

ALTER TABLE organisations FORCE ROW LEVEL SECURITY;

CREATE POLICY organisation ON organisations USING (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*') WITH CHECK (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*');

CREATE TABLE rosters (
    organisation_id TEXT NOT NULL,
    version BIGINT NOT NULL,
    roster_text BYTEA NOT NULL,
    signatures JSONB NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_rosters PRIMARY KEY (organisation_id, version)
);

ALTER TABLE rosters ENABLE ROW LEVEL SECURITY;

ALTER TABLE rosters FORCE ROW LEVEL SECURITY;

CREATE POLICY organisation ON rosters USING (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*') WITH CHECK (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*');

CREATE TABLE run_events (
    organisation_id TEXT NOT NULL,
    id TEXT NOT NULL,
    run_id TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    step INTEGER NOT NULL,
    state TEXT NOT NULL,
    what TEXT NOT NULL,
    code TEXT NOT NULL,
    ledger_digest TEXT NOT NULL,
    CONSTRAINT pk_run_events PRIMARY KEY (organisation_id, id)
);

CREATE INDEX ix_run_events_run ON run_events (organisation_id, run_id, at);

ALTER TABLE run_events ENABLE ROW LEVEL SECURITY;

ALTER TABLE run_events FORCE ROW LEVEL SECURITY;

CREATE POLICY organisation ON run_events USING (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*') WITH CHECK (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*');

CREATE TABLE settings (
    key TEXT NOT NULL,
    value JSONB NOT NULL,
    CONSTRAINT pk_settings PRIMARY KEY (key)
);

CREATE TABLE signatures (
    organisation_id TEXT NOT NULL,
    run_id TEXT NOT NULL,
    person TEXT NOT NULL,
    purpose TEXT NOT NULL,
    sshsig TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_signatures PRIMARY KEY (organisation_id, run_id, person, purpose)
);

ALTER TABLE signatures ENABLE ROW LEVEL SECURITY;

ALTER TABLE signatures FORCE ROW LEVEL SECURITY;

CREATE POLICY organisation ON signatures USING (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*') WITH CHECK (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*');

CREATE TABLE timeline (
    organisation_id TEXT NOT NULL,
    id TEXT NOT NULL,
    ticket_id TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    kind TEXT NOT NULL,
    text TEXT NOT NULL,
    actor TEXT NOT NULL,
    detail JSONB NOT NULL,
    CONSTRAINT pk_timeline PRIMARY KEY (organisation_id, id)
);

CREATE INDEX ix_timeline_ticket ON timeline (organisation_id, ticket_id, at);

ALTER TABLE timeline ENABLE ROW LEVEL SECURITY;

ALTER TABLE timeline FORCE ROW LEVEL SECURITY;

CREATE POLICY organisation ON timeline USING (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*') WITH CHECK (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*');

CREATE TABLE alerts (
    organisation_id TEXT NOT NULL,
    id TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    device_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    object TEXT NOT NULL,
    severity TEXT NOT NULL,
    title TEXT NOT NULL,
    state TEXT NOT NULL,
    opened_at TIMESTAMP WITH TIME ZONE NOT NULL,
    last_at TIMESTAMP WITH TIME ZONE NOT NULL,
    resolved_at TIMESTAMP WITH TIME ZONE,
    ticket_id TEXT,
    forecast_id TEXT,
    figures JSONB NOT NULL,
    CONSTRAINT pk_alerts PRIMARY KEY (organisation_id, id),
    CONSTRAINT fk_alerts_devices FOREIGN KEY(organisation_id, device_id) REFERENCES devices (organisation_id, id) ON DELETE CASCADE
);

CREATE INDEX ix_alerts_fingerprint ON alerts (organisation_id, fingerprint, opened_at);

CREATE INDEX ix_alerts_ticket ON alerts (organisation_id, ticket_id);

CREATE UNIQUE INDEX uq_alerts_firing ON alerts (organisation_id, fingerprint) WHERE state = 'firing';

ALTER TABLE alerts ENABLE ROW LEVEL SECURITY;

ALTER TABLE alerts FORCE ROW LEVEL SECURITY;

CREATE POLICY organisation ON alerts USING (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*') WITH CHECK (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*');

CREATE TABLE certificates (
    organisation_id TEXT NOT NULL,
    device_id TEXT NOT NULL,
    serial TEXT NOT NULL,
    not_after TIMESTAMP WITH TIME ZONE NOT NULL,
    issued_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    revoked_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_certificates PRIMARY KEY (serial),
    CONSTRAINT fk_certificates_devices FOREIGN KEY(organisation_id, device_id) REFERENCES devices (organisation_id, id) ON DELETE CASCADE
);

ALTER TABLE certificates ENABLE ROW LEVEL SECURITY;

ALTER TABLE certificates FORCE ROW LEVEL SECURITY;

CREATE POLICY organisation ON certificates USING (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*') WITH CHECK (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*');

CREATE TABLE changes (
    organisation_id TEXT NOT NULL,
    id TEXT NOT NULL,
    device_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    object TEXT NOT NULL,
    name TEXT NOT NULL,
    summary TEXT NOT NULL,
    diff TEXT NOT NULL,
    who TEXT NOT NULL,
    before_digest TEXT NOT NULL,
    after_digest TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    received_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_changes PRIMARY KEY (organisation_id, id),
    CONSTRAINT fk_changes_devices FOREIGN KEY(organisation_id, device_id) REFERENCES devices (organisation_id, id) ON DELETE CASCADE
);

CREATE INDEX ix_changes_device_at ON changes (organisation_id, device_id, at);

ALTER TABLE changes ENABLE ROW LEVEL SECURITY;

ALTER TABLE changes FORCE ROW LEVEL SECURITY;

CREATE POLICY organisation ON changes USING (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*') WITH CHECK (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*');

CREATE TABLE epochs (
    organisation_id TEXT NOT NULL,
    device_id TEXT NOT NULL,
    epoch BYTEA NOT NULL,
    high_water BIGINT NOT NULL,
    started_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_epochs PRIMARY KEY (organisation_id, device_id, epoch),
    CONSTRAINT fk_epochs_devices FOREIGN KEY(organisation_id, device_id) REFERENCES devices (organisation_id, id) ON DELETE CASCADE
);

ALTER TABLE epochs ENABLE ROW LEVEL SECURITY;

ALTER TABLE epochs FORCE ROW LEVEL SECURITY;

CREATE POLICY organisation ON epochs USING (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*') WITH CHECK (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*');

CREATE TABLE findings (
    organisation_id TEXT NOT NULL,
    id TEXT NOT NULL,
    device_id TEXT NOT NULL,
    ticket_id TEXT,
    run_id TEXT,
    "check" TEXT NOT NULL,
    severity TEXT NOT NULL,
    title TEXT NOT NULL,
    advice TEXT NOT NULL,
    evidence JSONB NOT NULL,
    figures JSONB NOT NULL,
    duration_ms DOUBLE PRECISION,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_findings PRIMARY KEY (organisation_id, id),
    CONSTRAINT fk_findings_devices FOREIGN KEY(organisation_id, device_id) REFERENCES devices (organisation_id, id) ON DELETE CASCADE
);

CREATE INDEX ix_findings_ticket ON findings (organisation_id, ticket_id);

ALTER TABLE findings ENABLE ROW LEVEL SECURITY;

ALTER TABLE findings FORCE ROW LEVEL SECURITY;

CREATE POLICY organisation ON findings USING (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*') WITH CHECK (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*');

CREATE TABLE forecasts (
    organisation_id TEXT NOT NULL,
    id TEXT NOT NULL,
    device_id TEXT NOT NULL,
    series_id INTEGER NOT NULL,
    predictor TEXT NOT NULL,
    resource TEXT NOT NULL,
    object TEXT NOT NULL,
    state TEXT NOT NULL,
    made_at TIMESTAMP WITH TIME ZONE NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    full_at TIMESTAMP WITH TIME ZONE,
    full_at_low TIMESTAMP WITH TIME ZONE,
    full_at_high TIMESTAMP WITH TIME ZONE,
    first_full_at TIMESTAMP WITH TIME ZONE,
    onset_at TIMESTAMP WITH TIME ZONE,
    confidence DOUBLE PRECISION NOT NULL,
    value DOUBLE PRECISION NOT NULL,
    capacity DOUBLE PRECISION NOT NULL,
    growth_per_s DOUBLE PRECISION NOT NULL,
    path JSONB,
    outcome TEXT,
    outcome_at TIMESTAMP WITH TIME ZONE,
    lead_s DOUBLE PRECISION,
    outcome_why TEXT,
    CONSTRAINT pk_forecasts PRIMARY KEY (organisation_id, id),
    CONSTRAINT fk_forecasts_devices FOREIGN KEY(organisation_id, device_id) REFERENCES devices (organisation_id, id) ON DELETE CASCADE
);

CREATE INDEX ix_forecasts_open ON forecasts (organisation_id, device_id, series_id) WHERE state = 'open';

ALTER TABLE forecasts ENABLE ROW LEVEL SECURITY;

ALTER TABLE forecasts FORCE ROW LEVEL SECURITY;

CREATE POLICY organisation ON forecasts USING (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*') WITH CHECK (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*');

CREATE TABLE notices (
    organisation_id TEXT NOT NULL,
    device_id TEXT NOT NULL,
    code TEXT NOT NULL,
    what TEXT NOT NULL,
    remedy TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_notices PRIMARY KEY (organisation_id, device_id, code),
    CONSTRAINT fk_notices_devices FOREIGN KEY(organisation_id, device_id) REFERENCES devices (organisation_id, id) ON DELETE CASCADE
);

ALTER TABLE notices ENABLE ROW LEVEL SECURITY;

ALTER TABLE notices FORCE ROW LEVEL SECURITY;

CREATE POLICY organisation ON notices USING (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*') WITH CHECK (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*');

CREATE TABLE runs (
    organisation_id TEXT NOT NULL,
    id TEXT NOT NULL,
    ticket_id TEXT,
    device_id TEXT NOT NULL,
    playbook TEXT NOT NULL,
    requester TEXT NOT NULL,
    state TEXT NOT NULL,
    steps JSONB NOT NULL,
    plan_id TEXT,
    plan_text BYTEA,
    plan_digest TEXT,
    device_signature TEXT,
    risk TEXT,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    planned_at TIMESTAMP WITH TIME ZONE,
    expires_at TIMESTAMP WITH TIME ZONE,
    finished_at TIMESTAMP WITH TIME ZONE,
    code TEXT,
    what TEXT,
    CONSTRAINT pk_runs PRIMARY KEY (organisation_id, id),
    CONSTRAINT fk_runs_devices FOREIGN KEY(organisation_id, device_id) REFERENCES devices (organisation_id, id) ON DELETE CASCADE
);

CREATE INDEX ix_runs_live ON runs (organisation_id, id) WHERE state IN ('planning', 'planned', 'executing');

CREATE INDEX ix_runs_ticket ON runs (organisation_id, ticket_id);

CREATE UNIQUE INDEX uq_runs_proposed ON runs (organisation_id, ticket_id) WHERE requester = 'server' AND state IN ('planning', 'planned');

ALTER TABLE runs ENABLE ROW LEVEL SECURITY;

ALTER TABLE runs FORCE ROW LEVEL SECURITY;

CREATE POLICY organisation ON runs USING (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*') WITH CHECK (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*');

CREATE TABLE series (
    organisation_id TEXT NOT NULL,
    device_id TEXT NOT NULL,
    id INTEGER GENERATED BY DEFAULT AS IDENTITY,
    name TEXT NOT NULL,
    labels JSONB NOT NULL,
    text TEXT NOT NULL,
    kind TEXT NOT NULL,
    CONSTRAINT pk_series PRIMARY KEY (organisation_id, device_id, id),
    CONSTRAINT uq_series_organisation_id_device_id_text UNIQUE (organisation_id, device_id, text),
    CONSTRAINT fk_series_devices FOREIGN KEY(organisation_id, device_id) REFERENCES devices (organisation_id, id) ON DELETE CASCADE
);

ALTER TABLE series ENABLE ROW LEVEL SECURITY;

ALTER TABLE series FORCE ROW LEVEL SECURITY;

CREATE POLICY organisation ON series USING (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*') WITH CHECK (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*');

CREATE TABLE tickets (
    organisation_id TEXT NOT NULL,
    id TEXT NOT NULL,
    number BIGINT NOT NULL,
    device_id TEXT NOT NULL,
    title TEXT NOT NULL,
    state TEXT NOT NULL,
    stage TEXT NOT NULL,
    priority INTEGER NOT NULL,
    fingerprint TEXT NOT NULL,
    assignee TEXT,
    opened_at TIMESTAMP WITH TIME ZONE NOT NULL,
    resolved_at TIMESTAMP WITH TIME ZONE,
    resolution TEXT,
    version INTEGER DEFAULT '1' NOT NULL,
    CONSTRAINT pk_tickets PRIMARY KEY (organisation_id, id),
    CONSTRAINT uq_tickets_organisation_id_number UNIQUE (organisation_id, number),
    CONSTRAINT fk_tickets_devices FOREIGN KEY(organisation_id, device_id) REFERENCES devices (organisation_id, id) ON DELETE CASCADE
);

CREATE UNIQUE INDEX uq_tickets_open ON tickets (organisation_id, fingerprint) WHERE state = 'open';

ALTER TABLE tickets ENABLE ROW LEVEL SECURITY;

ALTER TABLE tickets FORCE ROW LEVEL SECURITY;

CREATE POLICY organisation ON tickets USING (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*') WITH CHECK (organisation_id = (SELECT current_setting('sereno.organisation', true)) OR (SELECT current_setting('sereno.organisation', true)) = '*');

