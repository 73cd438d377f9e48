"""Runs: asking for one, reading the plan, signing it, saying no."""

from typing import Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.responses import Response

from sereno_proto import limits
from sereno_proto.errors import BadInput
from sereno_server.access.account import Account
from sereno_server.access.sign_in import utc_now
from sereno_server.api.asking import Asker, allowed
from sereno_server.api.once import Key, once
from sereno_server.api.paging import Limit, Page
from sereno_server.app import App
from sereno_server.reads import devices as device_reads
from sereno_server.reads import runs as run_reads
from sereno_server.reads import tickets as ticket_reads
from sereno_server.reads.rows import RunRow
from sereno_server.runs.cancel import cancel
from sereno_server.runs.deny import deny
from sereno_server.runs.request import request_run
from sereno_server.runs.sign import add_signature
from sereno_server.runs.undo import request_undo


class RunRequest(BaseModel):
    """Which playbook, with which parameters; a ticket knows both by its evidence, where they are left out."""

    playbook: str = Field(default="", max_length=128)
    parameters: dict[str, str] = Field(default_factory=dict, max_length=64)


class SignatureRequest(BaseModel):
    """An SSHSIG over the plan's exact text, in the namespace of its purpose."""

    purpose: Literal["request", "approve"]
    signature: str = Field(max_length=limits.SIGNATURE_CHARS_MAX)


class DenyRequest(BaseModel):
    """Why not."""

    reason: str = Field(default="", max_length=limits.TEXT_CHARS_MAX)


def router(app: App) -> APIRouter:
    """Routes under /runs, and the two places where runs are asked for."""
    routes = APIRouter(tags=["runs"])
    _reading(app, routes)
    _asking(app, routes)
    _deciding(app, routes)
    return routes


def _reading(app: App, routes: APIRouter) -> None:
    @routes.get("/runs")
    async def list_runs(
        account: Asker, state: Literal["", "planned"] = "", limit: Limit = limits.PAGE_ROWS
    ) -> Page[RunRow]:
        """The newest runs, or with state=planned those that wait for a signature."""
        async with app.store.transaction(allowed(account, "read", "runs")) as tx:
            rows = await (run_reads.waiting_runs(tx, utc_now()) if state else run_reads.runs_of(tx, limit=limit))
        return Page(items=rows)

    @routes.get("/runs/{run}")
    async def one_run(account: Asker, run: str) -> run_reads.RunView:
        """One run with its plan, signatures and what the device told about it."""
        async with app.store.transaction(allowed(account, "read", "run", run)) as tx:
            return await run_reads.run(tx, run)

    @routes.get("/runs/{run}/plan", response_class=Response)
    async def plan(account: Asker, run: str) -> Response:
        """The plan document, byte for byte as the device issued it: what is signed."""
        async with app.store.transaction(allowed(account, "read", "run", run)) as tx:
            view = await run_reads.run(tx, run)
        if view.plan_text is None:
            raise BadInput("E_NOT_FOUND", f"{run} has no plan yet", "wait until the device has issued it")
        return Response(view.plan_text, media_type="text/plain; charset=us-ascii")


def _asking(app: App, routes: APIRouter) -> None:
    @routes.post("/tickets/{ticket}/runs", status_code=202)
    async def run_for_ticket(account: Asker, ticket: str, body: RunRequest, key: Key = "") -> dict[str, Any]:
        """Asks for a run for a ticket; the playbook left out is the one proposed there."""
        async with app.store.transaction(allowed(account, "request_run", "ticket", ticket)) as tx:
            view = await ticket_reads.ticket(tx, ticket)
        playbook = body.playbook or (view.run.playbook if view.run else "")
        if not playbook:
            raise BadInput("E_PARAMETER", f"{view.label} proposes no playbook yet", "name one: `sereno playbooks list`")

        async def work() -> dict[str, Any]:
            return {"run_id": await request_run(app, account, view.device.id, view.id, playbook, body.parameters)}

        return await once(app, account, key, f"POST /tickets/{view.id}/runs", body, work)

    @routes.post("/devices/{device}/runs", status_code=202)
    async def run_on_device(account: Asker, device: str, body: RunRequest, key: Key = "") -> dict[str, Any]:
        """Asks for a run on a device, outside any ticket."""
        async with app.store.transaction(allowed(account, "request_run", "device", device)) as tx:
            found = await device_reads.device(tx, device, utc_now())
        if not body.playbook:
            raise BadInput("E_PARAMETER", "a run on a device names its playbook")

        async def work() -> dict[str, Any]:
            run_id = await request_run(app, account, found.device.id, None, body.playbook, body.parameters)
            return {"run_id": run_id}

        return await once(app, account, key, f"POST /devices/{found.device.id}/runs", body, work)


def _deciding(app: App, routes: APIRouter) -> None:
    @routes.post("/runs/{run}/signatures")
    async def sign(account: Asker, run: str, body: SignatureRequest, key: Key = "") -> dict[str, Any]:
        """Adds the caller's own signature. When they are enough, plan and signatures go to the device."""
        allowed(account, "sign", "run", run)

        async def work() -> dict[str, Any]:
            await add_signature(app, account, run, body.purpose, body.signature)
            return await _state(app, account, run)

        return await once(app, account, key, f"POST /runs/{run}/signatures", body, work)

    @routes.post("/runs/{run}/deny")
    async def say_no(account: Asker, run: str, body: DenyRequest, key: Key = "") -> dict[str, Any]:
        """Ends a run that waits."""
        allowed(account, "deny", "run", run)

        async def work() -> dict[str, Any]:
            await deny(app, account, run, body.reason)
            return await _state(app, account, run)

        return await once(app, account, key, f"POST /runs/{run}/deny", body, work)

    @routes.post("/runs/{run}/undo", status_code=202)
    async def undo(account: Asker, run: str, body: DenyRequest, key: Key = "") -> dict[str, Any]:
        """Asks for a new plan that undoes a run; it is signed like any other."""
        allowed(account, "request_run", "run", run)

        async def work() -> dict[str, Any]:
            return {"run_id": await request_undo(app, account, run)}

        return await once(app, account, key, f"POST /runs/{run}/undo", body, work)

    @routes.post("/runs/{run}/cancel")
    async def end(account: Asker, run: str, body: DenyRequest, key: Key = "") -> dict[str, Any]:
        """Ends a run that waits or goes on; on the device it ends before its next step."""
        allowed(account, "deny", "run", run)

        async def work() -> dict[str, Any]:
            await cancel(app, account, run, body.reason)
            return await _state(app, account, run)

        return await once(app, account, key, f"POST /runs/{run}/cancel", body, work)


async def _state(app: App, account: Account, run: str) -> dict[str, Any]:
    async with app.store.transaction(allowed(account, "read", "run", run)) as tx:
        return {"run_id": run, "state": (await run_reads.run(tx, run)).state}
