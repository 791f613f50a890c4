"""Say that a large medium is being read or got, on stderr, since nothing else can happen meanwhile."""

import time
from dataclasses import dataclass, field

import click

from goldsmith.host.files import human_size

PAUSE = 2.0  # seconds between two lines


@dataclass
class Hashing:
    """Takes the size of each block that was read; speaks after a while, and then every few seconds."""

    quiet: bool
    _done: int = 0
    _told: float = field(default_factory=time.monotonic)

    def __call__(self, block: int) -> None:
        self._done += block
        self._tell(f"reading the medium for its digest: {human_size(self._done)}")

    def downloading(self, done: int, total: int) -> None:
        self._tell(f"downloading the medium, for its digest: {human_size(done)} of {human_size(total)}")

    def _tell(self, text: str) -> None:
        if not self.quiet and time.monotonic() - self._told >= PAUSE:
            self._told = time.monotonic()
            click.echo(text, err=True)
