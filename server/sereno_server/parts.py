"""The parts of a running server: the list to add a line to. Each runs until cancelled; one that fails ends all."""

from sereno_server import http
from sereno_server.app import App, Part
from sereno_server.audit import checkpoints, sequence
from sereno_server.desk import desk
from sereno_server.grants import courier
from sereno_server.jobs import run as jobs
from sereno_server.prediction import supervise
from sereno_server.rollouts import watch as rollouts
from sereno_server.runs import own
from sereno_server.store import compactor
from sereno_server.telling import run as telling


async def _gateway(app: App) -> None:
    await app.gateway.run()


async def _events(app: App) -> None:
    await app.events.run()


PARTS: tuple[tuple[str, Part], ...] = (
    ("events", _events),
    ("gateway", _gateway),
    ("ledger", sequence.run),
    ("checkpoints", checkpoints.run),
    ("compactor", compactor.run),
    ("prediction", supervise.run),
    ("playbooks", own.run),
    ("desk", desk.run),
    ("grants", courier.run),
    ("rollouts", rollouts.run),
    ("telling", telling.run),
    ("jobs", jobs.run),
    ("http", http.run),
)
