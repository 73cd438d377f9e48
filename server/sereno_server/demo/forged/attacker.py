"""The attacker's server: the real one with its database and keys, which also sends whatever its owner dictates.

Lines of JSON on standard input say what to send; each is answered by one line. Nothing here is part of a server that
people run: it is what somebody who took one could write in an afternoon.

    {"command": BASE64 OF A Command}          to the device, past every check of the server's own
    {"down": BASE64 OF A Down}                any message at all to the device; nothing is waited for
    {"aim": "dev_…"}                          another device is the target from now on
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

from sereno_proto.errors import Refused, SerenoError
from sereno_proto.ids import new_id
from sereno_proto.limits import COMMAND_TIMEOUT_S
from sereno_proto.v1.link_pb2 import Down
from sereno_proto.v1.runs_pb2 import Command, Reply
from sereno_server.app import App, now, serve
from sereno_server.cli import logs
from sereno_server.config import load
from sereno_server.gateway.connection import ConnectedDevice
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
            if "aim" in wish:
                self._device_id = str(wish["aim"])
                return {}
            if "down" in wish:
                self._device().send(Down.FromString(base64.b64decode(wish["down"])))
                return {}
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
        """Past the gateway's own list of commands: whatever the grammar of the wire can say."""
        device, command.id = self._device(), new_id("cmd")
        answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        device.pending[command.id] = answer
        try:
            device.send(Down(command=command))
            reply = await asyncio.wait_for(answer, COMMAND_TIMEOUT_S)
        except TimeoutError as error:
            raise SerenoError("E_TIMEOUT", f"{device.name} did not answer") from error
        finally:
            del device.pending[command.id]
        if reply.HasField("refusal"):
            raise Refused(reply.refusal.code, reply.refusal.what, reply.refusal.remedy)
        return {"reply": base64.b64encode(reply.SerializeToString()).decode()}

    def _device(self) -> ConnectedDevice:
        device = self._app.gateway.live.get(self._organisation_id, self._device_id)
        if device is None:
            raise SerenoError("E_DEVICE_OFFLINE")
        return device


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
