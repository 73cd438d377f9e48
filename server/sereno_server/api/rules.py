"""The rules and where they hold."""

from fastapi import APIRouter

from sereno_server.api.asking import Asker, allowed
from sereno_server.api.paging import Page
from sereno_server.app import App
from sereno_server.reads import rules as rule_reads


def router(app: App) -> APIRouter:
    """Route /rules."""
    routes = APIRouter(tags=["rules"])

    @routes.get("/rules")
    async def list_rules(account: Asker) -> Page[rule_reads.RuleRow]:
        """Every rule in words, and the devices on which it holds now."""
        async with app.store.transaction(allowed(account, "read", "rules")) as tx:
            return Page(items=await rule_reads.rules(tx))

    return routes
