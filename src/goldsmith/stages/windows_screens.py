"""What a Windows guest shows, kept while a stage runs: its screens as a small ring, and its last one."""

import hashlib
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from goldsmith.errors import GoldsmithError
from goldsmith.host.hypervisor import Hypervisor

KEPT = 24
EVERY = 30.0  # seconds


@dataclass
class Screens:
    """Pictures of one guest in ``folder``, one for each screen that differs from the one before; the oldest go."""

    hypervisor: Hypervisor
    name: str
    folder: Path
    stage: str
    _taken: float = 0.0
    _digest: str = ""
    _ring: list[Path] = field(default_factory=list)

    def look(self) -> None:
        """Take a picture when the last one is old enough."""
        if time.monotonic() - self._taken >= EVERY:
            self._taken = time.monotonic()
            self.take()

    def take(self, label: str = "") -> Path | None:
        """Take a picture now; None where nothing changed, or nothing can be seen any more."""
        with suppress(GoldsmithError, OSError):  # a picture is never worth a build
            shot = self.hypervisor.screenshot(self.name)
            digest = hashlib.sha256(shot.data).hexdigest()
            if digest == self._digest and not label:
                return None
            self._digest = digest
            self.folder.mkdir(parents=True, exist_ok=True)
            stamp = time.strftime("%H%M%S", time.gmtime())
            path = self.folder / f"{self.stage}-{label or stamp}{shot.suffix}"
            path.write_bytes(shot.data)
            if not label:
                self._ring.append(path)
                while len(self._ring) > KEPT:
                    self._ring.pop(0).unlink(missing_ok=True)
            return path
        return None
