"""Which node runs the timers. Leadership is a lease in the database with a number that rises at every election.

A leader that was asleep may still believe in its lease: what it writes goes through `require`, which compares the
number within the transaction, so that its late writes are refused.
"""

import secrets

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from sereno_proto.errors import SerenoError
from sereno_server.store.engine import Scope, Store

LEASE_S = 15.0

_CLAIM = text("""
    INSERT INTO leaders (name, node, fence, until)
    VALUES (:name, :node, 1, clock_timestamp() + make_interval(secs => :lease))
    ON CONFLICT (name) DO UPDATE SET
        fence = leaders.fence + CASE WHEN leaders.node = excluded.node AND leaders.until > clock_timestamp() THEN 0
                                     ELSE 1 END,
        node = excluded.node,
        until = excluded.until
    WHERE leaders.node = excluded.node OR leaders.until <= clock_timestamp()
    RETURNING fence
""")
_REQUIRE = text("""
    SELECT 1 FROM leaders WHERE name = :name AND node = :node AND fence = :fence AND until > clock_timestamp() FOR SHARE
""")
_RESIGN = text("UPDATE leaders SET until = clock_timestamp() WHERE name = :name AND node = :node")


class Leadership:
    """This process's part in the election for one name."""

    def __init__(self, store: Store, name: str, node: str, lease_s: float = LEASE_S) -> None:
        self._store = store
        self._lease_s = lease_s
        # Two processes of one machine are two nodes.
        self._who = {"name": name, "node": f"{node}/{secrets.token_hex(4)}"}
        self.fence = 0  # 0 = not the leader

    async def claim(self) -> bool:
        """Takes the lease when it is free, renews it when it is ours; gives whether it is. Call it well within it."""
        async with self._store.transaction(Scope.system()) as tx:
            fence = (await tx.execute(_CLAIM, self._who | {"lease": self._lease_s})).scalar_one_or_none()
        self.fence = int(fence or 0)
        return self.fence > 0

    async def require(self, tx: AsyncConnection) -> None:
        """Raises E_CONFLICT unless this is the leader, and stays it until the transaction ends."""
        found = await tx.execute(_REQUIRE, self._who | {"fence": self.fence})
        if found.first() is None:
            raise SerenoError("E_CONFLICT", "another node leads by now")

    async def resign(self) -> None:
        """Lets another node lead at once."""
        self.fence = 0
        async with self._store.transaction(Scope.system()) as tx:
            await tx.execute(_RESIGN, self._who)
