"""Which function stores which kind of body: the list to add a line to."""

from collections.abc import Awaitable, Callable

from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_proto.v1.link_pb2 import Problem, Up
from sereno_server.gateway.connection import ConnectedDevice
from sereno_server.gateway.ingest.changes import store_changes
from sereno_server.gateway.ingest.inventory import store_inventory
from sereno_server.gateway.ingest.logs import store_logs
from sereno_server.gateway.ingest.notices import store_notice
from sereno_server.gateway.ingest.samples import store_samples
from sereno_server.gateway.ingest.status import store_status
from sereno_server.runs.record_event import store_run_event

StoreBody = Callable[[AsyncConnection, ConnectedDevice, Up], Awaitable[list[Problem]]]

STORE: dict[str, StoreBody] = {
    "samples": store_samples,  # the group commit appends many in one statement instead
    "changes": store_changes,
    "inventory": store_inventory,
    "logs": store_logs,
    "status": store_status,
    "notice": store_notice,
    "run_event": store_run_event,
}
