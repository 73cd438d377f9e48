"""What the demo tells while it runs: lines for people, or JSON lines for programs."""

import json
import sys
import time
from typing import Any

from sereno_server.cli.printing import plain

STAGES = ("joined", "forecast", "ticket", "checks", "proposed", "approved", "applied", "verified", "resolved")


class Story:
    """Prints what happens, with the seconds since the start; remembers the stages that came true."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self.stages: dict[str, float] = {}
        self._start = time.monotonic()

    def seconds(self) -> float:
        """Since the demo was started."""
        return round(time.monotonic() - self._start, 1)

    def say(self, text: str, **fields: Any) -> None:
        """One line."""
        if self.as_json:
            self._line({"event": "note", "seconds": self.seconds(), "text": text, **fields})
        else:
            sys.stdout.write(plain(text) + "\n")
            sys.stdout.flush()

    def stage(self, name: str, text: str) -> None:
        """A stage that has come true, once."""
        if name in self.stages:
            return
        self.stages[name] = self.seconds()
        if self.as_json:
            self._line({"event": "stage", "stage": name, "seconds": self.stages[name], "text": text})
        else:
            sys.stdout.write(f"{self.stages[name]:7.1f} s  {name:9}  {plain(text)}\n")
            sys.stdout.flush()

    def end(self, result: dict[str, Any]) -> None:
        """The last line: one object with the outcome."""
        if self.as_json:
            self._line(result)

    def missing(self) -> list[str]:
        """The stages that did not come true, in their order."""
        return [stage for stage in STAGES if stage not in self.stages]

    def _line(self, entry: dict[str, Any]) -> None:
        sys.stdout.write(json.dumps(entry, ensure_ascii=False) + "\n")
        sys.stdout.flush()
