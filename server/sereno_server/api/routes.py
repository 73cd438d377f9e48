"""Every part of the API under /api/v1."""

from fastapi import APIRouter

from sereno_server.api import (
    checks,
    contacts,
    devices,
    grants,
    inventory,
    ledger,
    logs,
    maintenance,
    names,
    organisation,
    playbooks,
    prediction,
    rollouts,
    rules,
    runs,
    schedules,
    series,
    tickets,
    wishes,
)
from sereno_server.app import App


def router(app: App) -> APIRouter:
    """The whole API; who may call what is decided in each route, that somebody is signed in by the guard."""
    routes = APIRouter(prefix="/api/v1")
    of_devices = (devices, names, inventory, series, logs, wishes, maintenance, rules, checks)
    of_runs = (tickets, runs, rollouts, schedules, grants)
    for part in (*of_devices, *of_runs, organisation, contacts, playbooks, ledger, prediction):
        routes.include_router(part.router(app))
    return routes
