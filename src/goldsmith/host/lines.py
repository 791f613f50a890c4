"""Text that arrives in pieces, turned into lines as they are completed."""

import codecs
from collections import deque

from goldsmith.host.commands import TAIL
from goldsmith.host.process import Listener


class Lines:
    """Gives each whole line to ``on_line`` and keeps the last; of a redrawn line its last form counts."""

    def __init__(self, on_line: Listener | None = None) -> None:
        self._on_line = on_line
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._open = ""
        self._last: deque[str] = deque(maxlen=TAIL)

    def feed(self, data: bytes) -> None:
        *whole, self._open = (self._open + self._decoder.decode(data)).split("\n")
        for line in whole:
            self._say(line)

    def finish(self) -> None:
        """Count what has come since the last line break as a line, too."""
        rest = self._open + self._decoder.decode(b"", final=True)
        self._open = ""
        if rest:
            self._say(rest)

    @property
    def tail(self) -> tuple[str, ...]:
        return tuple(self._last)

    def _say(self, line: str) -> None:
        text = line.rstrip("\r").rpartition("\r")[2]
        self._last.append(text)
        if self._on_line:
            self._on_line(text)
