"""A source, a spool and a kill, without processes: what a turn gives is kept, lost or half kept as the test says."""

from pathlib import Path

from sereno_agent.logs.block import Block
from sereno_agent.logs.file_source import FileSource
from sereno_agent.logs.positions import Positions
from sereno_agent.policy_logs import LogSource
from sereno_agent.redact import redactor
from sereno_proto.v1.link_pb2 import LogBlock

START_NS = 1_795_294_330_000_000_000


class Turns:
    """Reads one source turn by turn; `lines` is what reached the spool."""

    def __init__(self, folder: Path, source: LogSource, now_ns=None, patterns=()) -> None:
        self.source = source
        self.redact = redactor(patterns)
        self.path = folder / "positions.json"
        self.now = 1000.0
        self.now_ns = now_ns or (lambda: START_NS + int(self.now * 1e9))
        self.blocks: list[LogBlock] = []
        self.start()

    @property
    def lines(self) -> list[str]:
        return [line.text for block in self.blocks for line in block.lines]

    def start(self) -> None:
        """A new life: what is known comes from the file and the spool."""
        self.positions = Positions(self.path, self.blocks[-3:])
        known = self.positions.of(self.source.name)
        self.reader = FileSource(self.source, known, self.redact, clock=lambda: self.now, now_ns=self.now_ns)
        if known is None:
            self.positions.kept(Block(self.source.name), self.positions.turn)

    def turn(self, *, killed: str = "") -> Block:
        """One turn; killed before the spool has it, or between the spool and the note of the position."""
        block = self.reader.turn()
        turn = self.positions.turn
        if not killed or killed == "between":
            if not block.empty:
                turn += 1
                self.blocks.append(LogBlock.FromString(block.message(turn).SerializeToString()))
            if not killed:
                self.positions.kept(block, turn)
                self.reader.committed()
        if killed:
            self.restart()
        return block

    def restart(self) -> None:
        self.reader.close()
        self.start()

    def later(self, seconds: float) -> Block:
        """A turn after some time."""
        self.now += seconds
        return self.turn()

    def drained(self) -> list[str]:
        """Everything there is to read."""
        for _ in range(30):
            self.later(5)
        return self.lines
