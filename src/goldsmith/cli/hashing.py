"""Say that a large medium is being read, on stderr, since nothing else can happen meanwhile."""

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
        if not self.quiet and time.monotonic() - self._told >= PAUSE:
            self._told = time.monotonic()
            click.echo(f"reading the medium for its digest: {human_size(self._done)}", err=True)
