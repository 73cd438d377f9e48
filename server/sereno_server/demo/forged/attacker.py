"""The attacker's server: the real one with its database and keys, which also sends whatever its owner dictates.

Lines of JSON on standard input say what to send; each is answered by one line. Nothing here is part of a server that
people run: it is what somebody who took one could write in an afternoon.

    {"command": BASE64 OF A Command}          to the device, past every check of the server's own
    {"certificate_for": "dev_…", "key": PEM}  a certificate of the real authority with another device's name in it
    {"sql": "UPDATE …", "values": {…}}        a change of the database, past row-level security and the ledger
"""

import asyncio
import base64
import json
import os
import sys
import threading
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from sqlalchemy import text

from sereno_proto.errors import SerenoError
from sereno_proto.v1.runs_pb2 import Command
from sereno_server.app import App, now, serve
from sereno_server.cli import logs
from sereno_server.config import load
from sereno_server.store.engine import Scope


class Dictation:
    """Reads what to do, does it within the running server, and answers."""

    def __init__(self, app: App, organisation_id: str, device_id: str) -> None:
        self._app = app
        self._organisation_id, self._device_id = organisation_id, device_id
        self._loop = asyncio.get_running_loop()

    def read(self) -> None:
        """Until the input ends; a thread of its own, which dies with the process."""
        for line in sys.stdin:
            answer = asyncio.run_coroutine_threadsafe(self._answer(json.loads(line)), self._loop).result()
            sys.stdout.write(json.dumps(answer) + "\n")
            sys.stdout.flush()

    async def _answer(self, wish: dict[str, Any]) -> dict[str, Any]:
        try:
            if "command" in wish:
                return await self._send(Command.FromString(base64.b64decode(wish["command"])))
            if "certificate_for" in wish:
                key = load_pem_public_key(wish["key"].encode())
                assert isinstance(key, ec.EllipticCurvePublicKey)
                issued = self._app.authority.renew(key, self._organisation_id, wish["certificate_for"], now())
                return {"certificate": issued.chain_pem}
            async with self._app.store.transaction(Scope.system()) as tx:
                values = {key: _unpacked(value) for key, value in wish["values"].items()}
                return {"rows": (await tx.execute(text(wish["sql"]), values)).rowcount}
        except SerenoError as error:
            return {"code": error.code, "what": error.what}

    async def _send(self, command: Command) -> dict[str, Any]:
        body = getattr(command, command.WhichOneof("body") or "")
        reply = await self._app.gateway.command(self._organisation_id, self._device_id, body)
        return {"reply": base64.b64encode(reply.SerializeToString()).decode()}


def _unpacked(value: Any) -> Any:
    return base64.b64decode(value["base64"]) if isinstance(value, dict) else value


def main() -> None:
    """Serves with the settings file named first; organisation and device come after it."""
    config, organisation_id, device_id = sys.argv[1:4]
    logs.to_stderr()

    def ready(app: App) -> None:
        reader = Dictation(app, organisation_id, device_id)
        threading.Thread(target=reader.read, daemon=True).start()

    asyncio.run(serve(load(Path(config), os.environ), ready))


if __name__ == "__main__":
    main()
