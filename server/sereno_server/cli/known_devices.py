"""The devices this workstation has met, as first seen: a name that comes back with another id is refused."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from sereno_proto.errors import Refused


@dataclass(frozen=True)
class KnownDevices:
    """A file of names and ids beside the CLI's settings; written by rename."""

    path: Path

    def meet(self, name: str, device_id: str) -> bool:
        """Remembers the pair and tells whether it is new; raises E_DEVICE_CHANGED when the name had another id."""
        known = self._read()
        seen = known.get(name)
        if seen == device_id:
            return False
        if seen is not None:
            raise Refused("E_DEVICE_CHANGED", f"{name} was {seen} and now claims to be {device_id}")
        fresh = self.path.with_name(f"{self.path.name}.{os.getpid()}")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_text(json.dumps({**known, name: device_id}, indent=2) + "\n")
        fresh.replace(self.path)
        return True

    def _read(self) -> dict[str, str]:
        return dict(json.loads(self.path.read_text())) if self.path.exists() else {}
