"""Every part of the API under /api/v1."""

from fastapi import APIRouter

from sereno_server.api import devices, inventory, ledger, logs, organisation, playbooks, runs, series, tickets, wishes
from sereno_server.app import App


def router(app: App) -> APIRouter:
    """The whole API; who may call what is decided in each route, that somebody is signed in by the guard."""
    routes = APIRouter(prefix="/api/v1")
    for part in (devices, inventory, series, logs, tickets, runs, organisation, playbooks, ledger, wishes):
        routes.include_router(part.router(app))
    return routes
