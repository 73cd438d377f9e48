"""The playbooks: those that come with Sereno, and the organisation's own."""

from typing import Any

from fastapi import APIRouter

from sereno_server.api.asking import Asker, allowed
from sereno_server.api.paging import Page
from sereno_server.app import App
from sereno_server.runs.playbooks import SHELF


def router(_app: App) -> APIRouter:
    """Route /playbooks."""
    routes = APIRouter(tags=["runs"])

    @routes.get("/playbooks")
    async def list_playbooks(account: Asker) -> Page[dict[str, Any]]:
        """Every playbook with its risk, as this server's copy of the actions says; a device uses its own."""
        allowed(account, "read", "playbooks")
        library = SHELF.library()
        rows = [
            {
                "name": book.name,
                "title": book.title,
                "summary": book.summary,
                "risk": library.risk_of(book.name),
                "parameters": {
                    name: {"kind": one.kind, "summary": one.summary, "optional": one.optional}
                    for name, one in book.parameters.items()
                },
            }
            for _, book in sorted(library.playbooks.items())
        ]
        return Page(items=rows)

    return routes
