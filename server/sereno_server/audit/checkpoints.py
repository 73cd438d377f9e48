"""Checkpoints: signs a new head of each ledger that grew, and tells it to the devices, which witness it.

The key lies in the database, so that every node signs alike. Whoever has it can sign another history; what they cannot
do is take back the checkpoints that devices, workstations and exports hold already.
"""

import asyncio
import logging
import time
from datetime import datetime
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import func, insert, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_proto.checkpoint import Checkpoint
from sereno_proto.checkpoint_signature import sign_checkpoint
from sereno_proto.limits import CHECKPOINT_EVERY_S, CHECKPOINT_TOLD_S
from sereno_proto.v1.link_pb2 import Checkpoint as Told
from sereno_proto.v1.link_pb2 import Down
from sereno_server.access.sign_in import utc_now
from sereno_server.audit import tree
from sereno_server.store.engine import Scope, Store
from sereno_server.store.tables import checkpoints, ledger_nodes, organisations, settings

if TYPE_CHECKING:
    from sereno_server.app import App
    from sereno_server.gateway.connection import ConnectedDevice

LOCK = 0x5E5E_0002
_KEY = "ledger"

log = logging.getLogger(__name__)


async def run(app: "App") -> None:
    """Signs and tells until cancelled. A database that is away for a while only makes it wait."""
    told_at = -CHECKPOINT_TOLD_S
    while True:
        try:
            key = await load_key(app.store)
            async with app.store.transaction(Scope.system()) as tx:
                await sign_all(tx, key, utc_now())
            if time.monotonic() - told_at >= CHECKPOINT_TOLD_S:
                told_at = time.monotonic()
                await tell(app.store, app.gateway.live.all())
        except (SQLAlchemyError, OSError) as error:
            log.warning("checkpoints: not signed for now: %s", str(error).partition("\n")[0])
        await asyncio.sleep(CHECKPOINT_EVERY_S)


async def load_key(store: Store) -> Ed25519PrivateKey:
    """The installation's key for checkpoints, made when it is first asked for; all nodes get the same."""
    fresh = Ed25519PrivateKey.generate().private_bytes_raw().hex()
    async with store.transaction(Scope.system()) as tx:
        await tx.execute(upsert(settings).values(key=_KEY, value={"key": fresh}).on_conflict_do_nothing())
        value = (await tx.execute(select(settings.c.value).where(settings.c.key == _KEY))).scalar_one()
    return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(str(value["key"])))


async def sign_all(tx: AsyncConnection, key: Ed25519PrivateKey, now: datetime) -> int:
    """Signs a checkpoint for every organisation whose ledger grew, and tells for how many. One node at a time."""
    if not await tx.scalar(select(func.pg_try_advisory_xact_lock(LOCK))):
        return 0
    rows = select(func.max(ledger_nodes.c.index) + 1).where(
        ledger_nodes.c.organisation_id == organisations.c.organisation_id, ledger_nodes.c.level == 0
    )
    before = select(func.max(checkpoints.c.size)).where(
        checkpoints.c.organisation_id == organisations.c.organisation_id
    )
    sizes = await tx.execute(select(organisations.c.organisation_id, rows.scalar_subquery(), before.scalar_subquery()))
    signed = 0
    for organisation_id, size, size_signed in sizes.all():
        if (size or 0) <= (size_signed or 0):
            continue
        checkpoint = Checkpoint(organisation_id, size, await tree.root(tx, organisation_id, size))
        text = sign_checkpoint(checkpoint, key)
        await tx.execute(insert(checkpoints).values(organisation_id=organisation_id, size=size, text=text, at=now))
        signed += 1
    return signed


async def newest(tx: AsyncConnection, organisation_id: str) -> tuple[int, bytes] | None:
    """(size, signed note) of an organisation's newest checkpoint."""
    row = (
        await tx.execute(
            select(checkpoints.c.size, checkpoints.c.text)
            .where(checkpoints.c.organisation_id == organisation_id)
            .order_by(checkpoints.c.size.desc())
            .limit(1)
        )
    ).first()
    return (int(row.size), bytes(row.text)) if row else None


async def tell(store: Store, live: "list[ConnectedDevice]") -> None:
    """Sends each device its organisation's newest checkpoint, proven from the one that it holds."""
    of: dict[str, list[ConnectedDevice]] = {}
    for device in live:
        of.setdefault(device.organisation_id, []).append(device)
    for organisation_id, devices in of.items():
        async with store.transaction(Scope(organisation_id)) as tx:
            head = await newest(tx, organisation_id)
            proofs = {
                size: await _proof(tx, organisation_id, size, head[0])
                for size in {device.witnessed for device in devices if head and device.witnessed != head[0]}
                if head
            }
        for device in devices:
            if head and device.witnessed in proofs:
                proof = proofs[device.witnessed]
                device.send(Down(checkpoint=Told(text=head[1], from_size=device.witnessed, consistency=proof)))


async def _proof(tx: AsyncConnection, organisation_id: str, old: int, size: int) -> list[bytes]:
    """From what a device holds to the newest; a device that holds more than there is gets none, and sees it itself."""
    return await tree.consistency(tx, organisation_id, old, size) if old <= size else []
