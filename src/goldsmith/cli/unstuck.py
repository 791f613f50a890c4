"""An output whose reader has stopped to read does not keep a command from being stopped.

A pager or a program that reads events may stand still while the pipe to it is full. The write that Ctrl-C interrupts
would be followed by others, of the work that ends in order, and they would wait for ever.
"""

import os
import select
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

_PATIENCE = 1.0  # seconds that a reader gets which is only slow


class Unstuck:
    """A text stream that is let go when an interrupt finds it stuck: what is written from then on is lost."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def write(self, text: str) -> int:
        with self._let_go_if_stuck():
            return self._out.write(text)

    def flush(self) -> None:
        with self._let_go_if_stuck():
            self._out.flush()

    def __getattr__(self, name: str) -> object:
        return getattr(self._out, name)

    @contextmanager
    def _let_go_if_stuck(self) -> Iterator[None]:
        try:
            yield
        except KeyboardInterrupt:
            self._let_go()
            raise

    def _let_go(self) -> None:
        """Send what the stream still holds, and all that follows, nowhere."""
        with suppress(OSError, ValueError):  # no file behind it
            number = self._out.fileno()
            if not select.select([], [number], [], _PATIENCE)[1]:
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, number)
                os.close(nowhere)
