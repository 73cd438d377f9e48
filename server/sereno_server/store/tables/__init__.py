"""Every table. Each carries organisation_id, which row-level security compares with the transaction's scope.

Ids are text with a prefix (`tkt_…`), times are UTC timestamps, except the device's own, which stay int64 milliseconds.
A table without organisation_id belongs to the installation (its certificate authority, its accounts, its leader).
"""

from sereno_server.store.tables.anomalies import anomalies, anomaly_causes, differences
from sereno_server.store.tables.approving import approval_notices, contacts
from sereno_server.store.tables.audit import checkpoints, idempotency, jobs, ledger, ledger_nodes
from sereno_server.store.tables.columns import metadata
from sereno_server.store.tables.conditions import conditions
from sereno_server.store.tables.degradation import degradation_days, degradations, organisation_days
from sereno_server.store.tables.devices import (
    certificates,
    device_names,
    devices,
    join_codes,
    maintenance,
    organisations,
    rosters,
)
from sereno_server.store.tables.forecasts import forecasts
from sereno_server.store.tables.grants import grant_devices, grant_signatures, grants
from sereno_server.store.tables.installation import accounts, credentials, leaders, settings
from sereno_server.store.tables.inventory import facts, inventories
from sereno_server.store.tables.logs import log_blocks, log_lines
from sereno_server.store.tables.rollouts import rollouts
from sereno_server.store.tables.runs import run_events, runs, signatures
from sereno_server.store.tables.schedules import schedules
from sereno_server.store.tables.scores import mutes, ratings
from sereno_server.store.tables.telemetry import (
    batches,
    blocks,
    changes,
    epochs,
    notices,
    rollup_due,
    rollups_1h,
    rollups_5m,
    series,
)
from sereno_server.store.tables.tickets import alerts, causes, findings, tickets, timeline
from sereno_server.store.tables.wishes import wishes

__all__ = [
    "accounts",
    "alerts",
    "anomalies",
    "anomaly_causes",
    "approval_notices",
    "batches",
    "blocks",
    "causes",
    "certificates",
    "changes",
    "checkpoints",
    "conditions",
    "contacts",
    "credentials",
    "degradation_days",
    "degradations",
    "device_names",
    "devices",
    "differences",
    "epochs",
    "facts",
    "findings",
    "forecasts",
    "grant_devices",
    "grant_signatures",
    "grants",
    "idempotency",
    "inventories",
    "jobs",
    "join_codes",
    "leaders",
    "ledger",
    "ledger_nodes",
    "log_blocks",
    "log_lines",
    "maintenance",
    "metadata",
    "mutes",
    "notices",
    "organisation_days",
    "organisations",
    "ratings",
    "rollouts",
    "rollup_due",
    "rollups_1h",
    "rollups_5m",
    "rosters",
    "run_events",
    "runs",
    "schedules",
    "series",
    "settings",
    "signatures",
    "tickets",
    "timeline",
    "wishes",
]
