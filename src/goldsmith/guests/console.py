"""Read a guest's serial console from the file that libvirt writes it to."""

import re
from collections import deque
from collections.abc import Iterator
from pathlib import Path

# Control sequences of terminals (ECMA-48 CSI, character sets, OSC) and shift characters.
_CONTROL = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[()][A-Z0-9]|\x1b[=>78DEHMc]"
    r"|[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f]"
    r"|(?<=…)\[0m"  # systemd loses the escape where it shortens a name
)
# A cursor that is set somewhere: a screen is drawn, such as GRUB's menu, and what is left of it is one line.
_MOVE = re.compile(r"\x1b\[\d*(?:;\d*)?[Hf]")
# Frames, and the space that wipes a line; but not a dash between words, as in "Kernel panic - not syncing".
_DRAWN = re.compile(r"(?! - (?![ |+\-=_*]))[ |+\-=_*]{3,}")
LONGEST = 4096  # characters of one line; what is longer is cut into several


def clean(text: str) -> str:
    """Return the text without terminal control sequences; of a line that was drawn over, the last state.

    Of a screen that a cursor was moved on, the words stay, without frames and the space between them.
    """
    if _MOVE.search(text):
        drawn = _MOVE.sub("   ", text.replace("\r", " ").replace("\n", " "))
        return _DRAWN.sub("  ", _CONTROL.sub("", drawn)).strip()
    return _CONTROL.sub("", text.rstrip("\r\n").rpartition("\r")[2]).rstrip()


class ConsoleFile:
    """Follows a console file that grows, and that may be started anew or rotated meanwhile."""

    def __init__(self, path: Path, *, keep: int = 100) -> None:
        self.path = path
        self.last: deque[str] = deque(maxlen=keep)
        self.heard = 0  # bytes
        self._offset = 0
        self._inode = 0
        self._rest = b""

    def lines(self) -> Iterator[str]:
        """Yield the new whole lines, cleaned; empty ones are left out."""
        for raw in self._new_bytes():
            line = clean(raw.decode("utf-8", "replace"))
            if line:
                self.last.append(line)
                yield line

    @property
    def unfinished(self) -> str:
        """Return the line that has no end yet, such as a prompt."""
        return clean(self._rest.decode("utf-8", "replace"))

    def tail(self, count: int) -> list[str]:
        """Return the last lines, with the one that has no end yet."""
        waiting = self.unfinished
        return [*self.last, *([waiting] if waiting else [])][-count:]

    def _new_bytes(self) -> list[bytes]:
        try:
            with self.path.open("rb") as file:
                status = self.path.stat()
                if status.st_ino != self._inode or status.st_size < self._offset:
                    self._inode, self._offset = status.st_ino, 0
                file.seek(self._offset)
                fresh = file.read()
        except FileNotFoundError:
            return []
        self._offset += len(fresh)
        self.heard += len(fresh)
        *whole, self._rest = (self._rest + fresh).split(b"\n")
        if len(self._rest) > LONGEST:
            whole.append(self._rest)
            self._rest = b""
        return whole
