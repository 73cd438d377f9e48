"""How often the predictions were right, people's word on that, and how degraded everything is."""

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel

from sereno_server.access.sign_in import utc_now
from sereno_server.api.asking import Asker, allowed
from sereno_server.api.once import Key, once
from sereno_server.app import App
from sereno_server.desk import judge
from sereno_server.reads.degradation import Degradation, degradation_of, degradation_of_all
from sereno_server.reads.devices import device_row
from sereno_server.reads.scoreboard import Scoreboard, scoreboard

SCOREBOARD_DAYS = 90
DAYS_MAX = 3660


class RatingRequest(BaseModel):
    """Whether the ticket was useful."""

    useful: bool


class UnmuteRequest(BaseModel):
    """Nothing more to say than which."""


def router(app: App) -> APIRouter:
    """Routes /scoreboard, /mutes/{mute}/end, /tickets/{ticket}/rating and /degradation."""
    routes = APIRouter(tags=["prediction"])

    @routes.get("/scoreboard")
    async def scores(account: Asker, days: Annotated[int, Query(ge=1, le=DAYS_MAX)] = SCOREBOARD_DAYS) -> Scoreboard:
        """Every forecast and anomaly of the last days, by what came of it; and what is muted."""
        async with app.store.transaction(allowed(account, "read", "scoreboard")) as tx:
            return await scoreboard(tx, utc_now() - timedelta(days=days))

    @routes.post("/mutes/{mute}/end")
    async def unmute(account: Asker, mute: str, body: UnmuteRequest | None = None, key: Key = "") -> dict[str, Any]:
        """Lets a muted predictor alert again; what it got wrong so far is forgiven."""
        allowed(account, "end_mute", "mute", mute)

        async def work() -> dict[str, Any]:
            await judge.end_mute(app, account, mute)
            return {"id": mute}

        return await once(app, account, key, f"POST /mutes/{mute}/end", body or UnmuteRequest(), work)

    @routes.post("/tickets/{ticket}/rating")
    async def rate(account: Asker, ticket: str, body: RatingRequest, key: Key = "") -> dict[str, Any]:
        """Keeps whether the ticket was useful; a later word of the same person replaces it."""
        allowed(account, "rate", "ticket", ticket)

        async def work() -> dict[str, Any]:
            await judge.rate(app, account, ticket, useful=body.useful)
            return {"ticket": ticket, "useful": body.useful}

        return await once(app, account, key, f"POST /tickets/{ticket}/rating", body, work)

    @routes.get("/degradation")
    async def degradation(account: Asker) -> Degradation:
        """How degraded the organisation is, 0 to 100, by which devices, and the worst of each day."""
        async with app.store.transaction(allowed(account, "read", "devices")) as tx:
            return await degradation_of_all(tx, utc_now())

    @routes.get("/devices/{device}/degradation")
    async def degradation_of_one(account: Asker, device: str) -> Degradation:
        """How degraded a device is, 0 to 100, with the parts, and the worst of each day of the last weeks."""
        async with app.store.transaction(allowed(account, "read", "device", device)) as tx:
            found = await device_row(tx, device, utc_now())
            return await degradation_of(tx, found.id, utc_now())

    return routes
