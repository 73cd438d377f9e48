"""Every bound of both ends, named with its unit. What exceeds one is refused with E_LIMIT or the code beside it."""

from typing import Final

# wire
PROTOCOL_VERSION: Final = 1
PROTOCOL_VERSION_MIN: Final = 1  # the server accepts the two versions before its own, once there are any
MESSAGE_BYTES_MAX: Final = 1 << 20
BATCH_STEPS_MAX: Final = 1024
BATCH_SERIES_MAX: Final = 4096
BATCH_VALUES_MAX: Final = 100_000
MATRICES_MAX: Final = 4096  # of one batch: an empty one costs two bytes to send and an answer to refuse
PROBLEMS_MAX: Final = 64  # of one message; the rest are counted
SERIES_PER_DEVICE_MAX: Final = 20_000
SERIES_NAME_CHARS_MAX: Final = 128
LABELS_MAX: Final = 16
LABEL_CHARS_MAX: Final = 256
SERIES_TEXT_BYTES_MAX: Final = 2400  # name and labels together: what a PostgreSQL index holds, with room to quote
CHANGES_PER_SET_MAX: Final = 256
DIFF_CHARS_MAX: Final = 32_768
TEXT_CHARS_MAX: Final = 4096
INVENTORY_FACTS_MAX: Final = 10_000
FACT_KEY_CHARS_MAX: Final = 160
FACT_VALUE_CHARS_MAX: Final = 512
ACKNOWLEDGE_DELAY_MS_MAX: Final = 1000
KEEPALIVE_MS: Final = 20_000
RECONNECT_DELAY_S_MAX: Final = 60.0
COMMAND_TIMEOUT_S: Final = 30.0
CLOCK_SKEW_MS_MAX: Final = 60_000
DEVICE_SILENT_S: Final = 60.0

# names
DEVICE_NAME_PATTERN: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
PERSON_NAME_PATTERN: Final = r"[a-z][a-z0-9._-]{0,62}"

# documents
DOCUMENT_BYTES_MAX: Final = 256 * 1024
DOCUMENT_LINES_MAX: Final = 4096
DOCUMENT_VALUE_CHARS_MAX: Final = 4096
SIGNATURE_CHARS_MAX: Final = 8192
PUBLIC_KEY_CHARS_MAX: Final = 4096
RSA_BITS_MIN: Final = 3072
PASSKEY_RSA_BITS_MIN: Final = 2048  # what the authenticator of a Windows machine makes; it cannot make more
RSA_BITS_MAX: Final = 8192
CREDENTIAL_BYTES_MAX: Final = 1023  # of a passkey's id, as WebAuthn bounds it
CLIENT_DATA_BYTES_MAX: Final = 4096
ORIGIN_CHARS_MAX: Final = 255
ROOT_KEYS_MAX: Final = 16
PERSONS_MAX: Final = 512
KEYS_PER_PERSON_MAX: Final = 16
APPROVALS_MAX: Final = 8
SIGNATURES_MAX: Final = 16
ROSTER_DAYS_MAX: Final = 90
PLAN_VALID_S: Final = 1800
GRANT_DAYS_MAX: Final = 7
GRANTS_HELD_MAX: Final = 64  # on one device
GRANT_DEVICES_MAX: Final = 500
GRANT_USES_MAX: Final = 100  # of a standing grant, on one device
GRANT_TRIGGERS_MAX: Final = 8
GRANT_PAUSE_S_MIN: Final = 60  # between two uses of a standing grant
GRANT_PAUSE_S_MAX: Final = 7 * 86_400
PLANS_HELD_MAX: Final = 64
PLANS_USED_KEPT_MAX: Final = 1024
RESERVE_BYTES: Final = 1 << 20  # room that the executor keeps for itself on a disk that fills
COMMANDS_PER_MINUTE_MAX: Final = 300  # of documents for the executor; more are refused without a ledger row each
REQUIRE_WITHIN_S_MAX: Final = 600
CLOCK_BACK_MS_MAX: Final = 2000  # what time synchronisation may step back; a plan's life is never prolonged by it
LEDGER_ROW_BYTES_MAX: Final = 32_768
LEDGER_OBJECT_CHARS_MAX: Final = 256
LEDGER_WHAT_CHARS_MAX: Final = 2048
JOIN_CODE_VALID_S: Final = 3600
JOIN_CODE_CHARS_MAX: Final = 1024
CERTIFICATE_DAYS: Final = 30
CERTIFICATE_RENEW_DAYS: Final = 10  # renewed when less than this is left
CSR_BYTES_MAX: Final = 4096
CERTIFICATE_CHARS_MAX: Final = 32_768

# agent
SPOOL_BYTES_MAX: Final = 1 << 30
SPOOL_SEGMENT_BYTES: Final = 4 << 20
COLLECTOR_TIMEOUT_S: Final = 5.0
WATCHED_FILE_BYTES_MAX: Final = 256 * 1024
WATCHED_FILE_VERSIONS_MAX: Final = 16
STATE_OBJECTS_MAX: Final = 10_000  # packages, users, ... that one collector compares
STATE_TEXT_CHARS_MAX: Final = 16_384  # of one of them
TREE_ENTRIES_MAX: Final = 5000  # files of one watched tree
TREE_DEPTH_MAX: Final = 16
TREE_KEPT_BYTES_MAX: Final = 16 << 20  # text kept of one watched tree, so that its changes have a diff
FOLDER_ENTRIES_MAX: Final = 200_000
FOLDER_DEPTH_MAX: Final = 32
PROCESSES_MAX: Final = 20_000  # looked at in one reading
RESOLVE_TIMEOUT_S: Final = 10.0
DATABASES_MAX: Final = 16
DATABASE_QUERIES_MAX: Final = 32
DATABASE_STATEMENT_CHARS_MAX: Final = 8192
DATABASE_ROWS_MAX: Final = 64
DATABASE_TIMEOUT_S_MAX: Final = 30.0
WORKER_TIMEOUT_S: Final = 60.0
CHECK_TIMEOUT_S: Final = 20.0  # unless the check itself declares another one, below the worker's
PLUGIN_TIMEOUT_S_MAX: Final = 45.0
PLUGIN_OUTPUT_BYTES_MAX: Final = 64 * 1024
PLUGIN_PROCESSES_MAX: Final = 64
PROBE_TIMEOUT_S: Final = 5.0
PROBE_BODY_BYTES_MAX: Final = 64 * 1024
LOG_TAIL_BYTES_MAX: Final = 1 << 20
ACTION_TIMEOUT_S: Final = 600.0
WORKERS_MAX: Final = 4
WORKER_OPEN_FILES_MAX: Final = 256
POLICY_BYTES_MAX: Final = 256 * 1024
POLICY_ENTRIES_MAX: Final = 1000
POLICY_KEEP_MAX: Final = 10_000
ACTION_DIGEST_BYTES_MAX: Final = 64 << 20  # a bigger file is identified by inode, size and time of change
WORKER_MEMORY_BYTES_MAX: Final = 512 << 20
WORKER_OUTPUT_BYTES_MAX: Final = 1 << 20
FINDINGS_MAX: Final = 64
FINDING_EVIDENCE_MAX: Final = 32
STEPS_MAX: Final = 32
STEP_NAME_CHARS_MAX: Final = 80  # the one text of a plan that a server words: a label, no room for a story
PLAYBOOK_BYTES_MAX: Final = 64 * 1024
TARGETS_PER_STEP_MAX: Final = 512
SUBJECTS_PER_STEP_MAX: Final = 128  # services, packages, ... that one step brings to another state
ACTION_FILES_MAX: Final = 256
ROTATED_SINCE_BYTES_MAX: Final = 64 << 20  # logged after a rotation that is to be taken back

# logs
LOG_LINES_PER_MINUTE: Final = 6000  # of one source, unless the policy says otherwise
LOG_LINES_PER_MINUTE_MAX: Final = 1_000_000
LOG_TEXT_CHARS_MAX: Final = 16_384  # of one record; what is longer is cut
LOG_BLOCK_LINES_MAX: Final = 2000
LOG_BLOCK_BYTES_MAX: Final = 512 * 1024
LOG_FILES_MAX: Final = 200  # of one source at a time
LOG_NAME_CHARS_MAX: Final = 256
LOG_BLOCK_DAYS: Final = 30  # how long all lines are kept on the server ...
LOG_ROW_DAYS: Final = 14  # ... and how long warnings and worse as rows, which are searched faster
WISHES_MAX: Final = 64  # of the server, for one device, of one kind
WISH_CHARS_MAX: Final = 128

# server
OUTBOX_MESSAGES_MAX: Final = 256
COMMANDS_PENDING_MAX: Final = 64
HELLO_TIMEOUT_S: Final = 15.0
INGEST_QUEUE_MAX: Final = 4096
INGEST_GROUP_MAX: Final = 512
INGEST_GROUP_BYTES_MAX: Final = 16 << 20
STREAMS_MAX: Final = 20_000
JOINS_AT_ONCE_MAX: Final = 32
PAGE_ROWS_MAX: Final = 500
MAINTENANCE_S_MIN: Final = 60
MAINTENANCE_S_MAX: Final = 30 * 86_400  # what is quiet for longer is forgotten
MAINTENANCE_REASON_CHARS_MAX: Final = 200
PAGE_ROWS: Final = 100
REQUEST_BODY_BYTES_MAX: Final = 1 << 20
SESSION_HOURS: Final = 12
TOKEN_HOURS: Final = 1
LOGIN_LINK_MINUTES: Final = 15
TICKET_REOPEN_WINDOW_S: Final = 4 * 3600
