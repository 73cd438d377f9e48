"""Starts the prediction process beside the server and starts it again, a little later each time, when it dies."""

import asyncio
import contextlib
import logging
import os
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sereno_server.app import App

FIRST_DELAY_S = 0.5
DELAY_S_MAX = 60.0
STEADY_S = 60.0  # a process that lived this long was sound
STOP_S = 5.0

log = logging.getLogger(__name__)


async def run(app: "App") -> None:
    """Keeps one prediction process alive until cancelled, then ends it."""
    delay_s = FIRST_DELAY_S
    while True:
        began = time.monotonic()
        code = await _live(app)
        delay_s = FIRST_DELAY_S if time.monotonic() - began >= STEADY_S else min(delay_s * 2, DELAY_S_MAX)
        log.warning("prediction: the process ended with %s; it starts again in %.0f s", code, delay_s)
        await asyncio.sleep(delay_s)


async def _live(app: "App") -> int:
    """One life of the process; it ends by itself when its standard input closes."""
    settings = app.settings
    environment = os.environ | {
        "SERENO_DATABASE_URL": app.store.url,
        "SERENO_FORECAST_INTERVAL_S": str(settings.forecast_interval_s),
        "SERENO_DATA_DIR": str(settings.data_dir),
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sereno_server.prediction", stdin=asyncio.subprocess.PIPE, env=environment
    )
    assert process.stdin is not None
    try:
        return await process.wait()
    finally:
        process.stdin.close()
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            try:
                await asyncio.wait_for(process.wait(), STOP_S)
            except TimeoutError:
                process.kill()
                await process.wait()
