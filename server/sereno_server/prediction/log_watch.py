"""The pass over what devices said: new log blocks are mined, and what is new, too many or gone becomes a condition."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import or_, select

from sereno_proto.limits import EXPLAINED_LATE_S
from sereno_proto.v1.link_pb2 import LogBlock
from sereno_server.prediction import anomaly_rows
from sereno_server.prediction.templates import Miner
from sereno_server.prediction.voices import Voice
from sereno_server.rules import rows
from sereno_server.rules.catalogue import RULES
from sereno_server.rules.logs import LOGS
from sereno_server.rules.rows import Begun, Known, Spot
from sereno_server.store.engine import Scope, Store
from sereno_server.store.events import Event, emit_all
from sereno_server.store.logs import unpacked
from sereno_server.store.tables import log_blocks

REBUILD_DAYS: Final = 7  # how far back is read when nothing was kept
BLOCKS_MAX: Final = 500  # of a device at a time; what is left comes at the next pass
LATE_MS: Final = 3_600_000  # a device whose newest line came so late is only learned from
WORDS_MAX: Final = 40  # of a line: templates tell lines apart by their beginning
TITLE_CHARS: Final = 160
HELD_MIN: Final = timedelta(hours=2)  # a condition about lines, whose hour passes, is shown for so long at least
EXPLAINED_LATE: Final = timedelta(seconds=EXPLAINED_LATE_S)

Device = tuple[str, str]


class LogWatch:
    """What every source usually says, and the conditions that hold."""

    def __init__(
        self,
        store: Store,
        clock: Callable[[], datetime],
        budget_s: float,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self.store = store
        self.clock = clock
        self.budget_s = budget_s
        self.timer = timer
        self.open: dict[Spot, Known] = {}
        self.miners: dict[tuple[str, str], Miner] = defaultdict(Miner)  # by organisation and source
        self.voices: dict[Device, dict[str, Voice]] = defaultdict(lambda: defaultdict(Voice))
        self._read: dict[Device, dict[str, int]] = defaultdict(dict)  # the newest sequence, by epoch (hex)
        self._behind: dict[Device, None] = {}

    async def start(self) -> None:
        """Loads the conditions that hold."""
        names = {rule.name for rule in LOGS}
        async with self.store.transaction(Scope.system()) as tx:
            self.open = {spot: one for spot, one in (await rows.load_open(tx)).items() if spot.rule in names}

    async def once(self, devices: Iterable[Device], restarted_ms: Callable[[Device], int]) -> None:
        """Takes in what these devices said since. restarted_ms: when a device last started, by its clock, 0 = unknown.

        What does not fit into the budget is left for the next pass.
        """
        began = self.timer()
        async with self.store.transaction(Scope.system()) as tx:
            offsets = await rows.load_offsets(tx)
        due = dict.fromkeys([*self._behind, *devices])
        for device in due:
            if self.timer() - began > self.budget_s:
                self._behind[device] = None
                continue
            self._behind.pop(device, None)
            await self._take_in(device, offsets.get(device, 0), restarted_ms)

    async def _take_in(self, device: Device, offset_ms: int, restarted_ms: Callable[[Device], int]) -> None:
        found = await self._blocks(device)
        if len(found) == BLOCKS_MAX:
            self._behind[device] = None
        for row in found:
            self._read[device][row.epoch.hex()] = max(self._read[device].get(row.epoch.hex(), -1), row.sequence)
        if found:
            await asyncio.to_thread(self._mine, device, [row.payload for row in found])
        now = self.clock()
        now_ms = int(now.timestamp() * 1000) + offset_ms
        newest = max((voice.last_ms for voice in self.voices.get(device, {}).values()), default=0)
        if len(found) == BLOCKS_MAX or now_ms - newest > LATE_MS:
            return
        await self._judge(device, now, now_ms, restarted_ms(device))

    async def _blocks(self, device: Device) -> list[Any]:
        """The blocks that came since, in the order in which they were sent."""
        known = self._read[device]
        since = self.clock().date() - timedelta(days=1 if known else REBUILD_DAYS)
        table = log_blocks.c
        query = (
            select(table.epoch, table.sequence, table.payload)
            .where(table.organisation_id == device[0], table.device_id == device[1], table.day >= since)
            .order_by(table.day, table.epoch, table.sequence)
            .limit(BLOCKS_MAX)
        )
        for epoch, sequence in known.items():
            query = query.where(or_(table.epoch != bytes.fromhex(epoch), table.sequence > sequence))
        async with self.store.transaction(Scope(device[0])) as tx:
            return list((await tx.execute(query)).all())

    def _mine(self, device: Device, payloads: list[bytes]) -> None:
        for payload in payloads:
            try:
                (block,) = unpacked([payload])
            except ValueError:
                continue  # a damaged block is no reason to hear the others no more
            self._hear(device, block)

    def _hear(self, device: Device, block: LogBlock) -> None:
        miner, voice = self.miners[device[0], block.source], self.voices[device][block.source]
        for line in block.lines:
            words = line.text.split("\n", 1)[0].split()[:WORDS_MAX]
            number = miner.canonical(miner.learn(" ".join(words)))
            voice.hear(number, line.time_ms, line.severity)
        voice.rename([(number, miner.canonical(number)) for number in voice.heard])

    async def _judge(self, device: Device, now: datetime, now_ms: int, started_ms: int) -> None:
        begun: list[Begun] = []
        over: list[Spot] = []
        for source, voice in self.voices[device].items():
            for rule, numbers in voice.found(now_ms, started_ms).items():
                spot = Spot(*device, rule, source)
                known = self.open.get(spot)
                if known is None and numbers:
                    begun.append(self._begun(spot, voice, numbers))
                elif known is not None and not numbers and now - known.made_at >= HELD_MIN:
                    over.append(spot)
            voice.forget(now_ms)
        late = [
            (spot, known)
            for spot, known in self.open.items()
            if (spot.organisation_id, spot.device_id) == device and now - known.made_at <= EXPLAINED_LATE
        ]
        if not begun and not over and not late:
            return
        async with self.store.transaction(Scope.system()) as tx:
            kept = [one for one in begun if await anomaly_rows.explanation(tx, device, one.onset_at, now) is None]
            over += [
                spot
                for spot, known in late
                if await anomaly_rows.explanation(tx, device, known.onset_at, now) is not None
            ]
            ids = await rows.begin(tx, kept, now)
            await rows.end(tx, [self.open[spot].id for spot in over], now)
            told = [(spot, ids.get(spot) or self.open[spot]) for spot in (*ids, *over)]
            await emit_all(tx, [Event("forecast", spot.organisation_id, one.id, spot.device_id) for spot, one in told])
        self.open = {spot: known for spot, known in self.open.items() if spot not in over} | ids

    def _begun(self, spot: Spot, voice: Voice, numbers: list[int]) -> Begun:
        first = min(numbers, key=lambda number: voice.heard[number].severity)
        one = voice.heard[first]
        text = self.miners[spot.organisation_id, spot.object].text(first)
        title = f"{RULES[spot.rule].title(spot.object, 1.0)}: {text}"[:TITLE_CHARS]
        onset_ms = one.first_ms if spot.rule == "log_new" else one.last_ms
        return Begun(spot, title, float(len(numbers)), datetime.fromtimestamp(onset_ms / 1000, UTC))

    def dump(self) -> dict[str, Any]:
        """What is known, as JSON."""
        return {
            "miners": [[*key, miner.dump()] for key, miner in self.miners.items()],
            "voices": [
                [*device, [[source, voice.dump()] for source, voice in voices.items()]]
                for device, voices in self.voices.items()
            ],
            "read": [[*device, known] for device, known in self._read.items()],
        }

    def load(self, kept: Mapping[str, Any]) -> None:
        """Takes over what was kept. Raises KeyError, TypeError or ValueError when it is of another version."""
        miners = {(str(one), str(source)): Miner.load(fields) for one, source, fields in kept["miners"]}
        voices = {
            (str(one), str(device)): {str(source): Voice.load(fields) for source, fields in sources}
            for one, device, sources in kept["voices"]
        }
        read = {(str(one), str(device)): dict(known) for one, device, known in kept["read"]}
        self.miners.update(miners)
        for device, sources in voices.items():
            self.voices[device].update(sources)
        self._read.update(read)
