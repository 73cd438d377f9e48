"""Checks: what there is, and running one on a device by hand. A check only reads, and needs no approval."""

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from sereno_playbooks import catalogue
from sereno_proto.v1.runs_pb2 import CheckResult
from sereno_server.access.sign_in import utc_now
from sereno_server.api.asking import Asker, allowed
from sereno_server.api.once import Key, once
from sereno_server.app import App
from sereno_server.desk.findings import severity_of
from sereno_server.reads import tickets as ticket_reads
from sereno_server.reads.devices import device_row, status_of
from sereno_server.runs.check import Asked, offered, run_check


class CheckRequest(BaseModel):
    """Which check, with which names of the device's policy, and the ticket that its findings belong to."""

    check: str = Field(max_length=64)
    parameters: dict[str, str] = Field(default_factory=dict, max_length=16)
    ticket: str | None = Field(default=None, max_length=64)


def router(app: App) -> APIRouter:
    """Routes /catalogue and /devices/{device}/checks."""
    routes = APIRouter(tags=["checks"])

    @routes.get("/catalogue")
    async def whole_catalogue(account: Asker) -> dict[str, list[dict[str, Any]]]:
        """Every check, action and playbook with parameters, limits and what is read: docs/catalogue.md as data."""
        allowed(account, "read", "playbooks")
        return catalogue.gather()

    @routes.get("/devices/{device}/checks")
    async def device_checks(account: Asker, device: str) -> list[dict[str, Any]]:
        """Every check with its parameters, and the names that this device offers for them."""
        async with app.store.transaction(allowed(account, "read", "device", device)) as tx:
            row = await device_row(tx, device, utc_now())
            names = list((await status_of(tx, row.id)).get("names", ()))
        return [{**one, "offered": offered(one["name"], names)} for one in catalogue.gather()["checks"]]

    @routes.post("/devices/{device}/checks")
    async def run_one(account: Asker, device: str, body: CheckRequest, key: Key = "") -> dict[str, Any]:
        """Runs a check now and gives what it found; at most a minute later."""
        async with app.store.transaction(allowed(account, "run_check", "device", device)) as tx:
            row = await device_row(tx, device, utc_now())
            ticket_id = (await ticket_reads.ticket(tx, body.ticket)).id if body.ticket else None

        async def work() -> dict[str, Any]:
            asked = Asked(row.id, body.check, body.parameters, ticket_id)
            return plain(await run_check(app, account, asked))

        return await once(app, account, key, f"check {row.id}", body, work)

    return routes


def plain(result: CheckResult) -> dict[str, Any]:
    """A result as JSON has it."""
    return {
        "findings": [
            {
                "check": one.check,
                "severity": severity_of(one),
                "title": one.title,
                "advice": one.advice,
                "evidence": [[row.key, row.value] for row in one.evidence],
                "figures": dict(one.figures),
            }
            for one in result.findings
        ],
        "truncated": result.truncated,
        "duration_ms": result.duration_ms,
    }
