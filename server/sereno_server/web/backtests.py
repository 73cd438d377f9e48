"""Backtests that the console asked for: one at a time, each in a process of its own, bounded in time."""

import asyncio
import contextlib
import os
import sys
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import TypeAdapter

from sereno_proto.errors import CATALOGUE, BadInput, SerenoError
from sereno_server.prediction.device_backtest import Report
from sereno_server.prediction.unusual import Device

SECONDS_MAX = 900.0
KEPT_MAX = 40
REPORT = TypeAdapter(Report)


@dataclass
class Asked:
    """One backtest: going on while neither report nor error is there. share: how much is done, 0 to 1."""

    start: datetime
    end: datetime
    share: float = 0.0
    report: Report | None = None
    error: SerenoError | None = None
    task: asyncio.Task[None] | None = field(default=None, repr=False)

    @property
    def going(self) -> bool:
        return self.report is None and self.error is None


class Backtests:
    """The last backtest of each device, in the memory of this node; the oldest are forgotten."""

    def __init__(self, database_url: str) -> None:
        self._database_url = database_url
        self._asked: dict[Device, Asked] = {}
        self._turn = asyncio.Semaphore(1)

    def of(self, device: Device) -> Asked | None:
        """The last one of a device."""
        return self._asked.get(device)

    def ask(self, device: Device, start: datetime, end: datetime) -> None:
        """Begins one, unless one of this device is under way."""
        known = self._asked.get(device)
        if known is not None and known.going:
            return
        self._asked.pop(device, None)
        for old in [one for one, asked in self._asked.items() if not asked.going][
            : max(len(self._asked) - KEPT_MAX, 0)
        ]:
            del self._asked[old]
        asked = self._asked[device] = Asked(start, end)
        asked.task = asyncio.create_task(self._run(device, asked), name=f"backtest {device[1]}")

    async def _run(self, device: Device, asked: Asked) -> None:
        try:
            async with self._turn, asyncio.timeout(SECONDS_MAX):
                asked.report = await self._play(device, asked)
        except TimeoutError:
            asked.error = BadInput("E_BACKTEST_RANGE", "it took too long", "choose fewer days")
        except SerenoError as error:
            asked.error = error
        except Exception as error:
            asked.error = SerenoError("E_INTERNAL")
            raise SerenoError("E_INTERNAL", "a backtest failed") from error

    async def _play(self, device: Device, asked: Asked) -> Report:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "sereno_server.prediction.device_backtest"),
            *(*device, asked.start.isoformat(), asked.end.isoformat()),
            env=os.environ | {"SERENO_DATABASE_URL": self._database_url},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            reading = asyncio.create_task(process.stdout.read())
            last = ""
            async for line in process.stderr:
                last = line.decode(errors="replace").strip()
                with contextlib.suppress(ValueError):
                    asked.share = float(last)
            said = await reading
            if await process.wait() == 0:
                return REPORT.validate_json(said)
            code, _, what = last.partition(": ")
            raise BadInput(code, what) if code in CATALOGUE else SerenoError("E_INTERNAL", "the backtest ended early")
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
