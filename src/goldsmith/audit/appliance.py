"""A conversation with one libguestfs appliance, so that a whole audit costs a single launch."""

import itertools
import os
import re
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

from goldsmith.errors import ToolError
from goldsmith.host.aside import scratch
from goldsmith.host.process import Host

T = TypeVar("T")
DEVICE = re.compile(r"/dev/[A-Za-z0-9/_.+-]+")  # goes into scripts, so nothing else may
_FIX = "apt install libguestfs-tools libguestfs-xfs, then goldsmith doctor"


class Appliance:
    """Asks guestfish commands over a FIFO; each answer comes as a file, so binary data passes unharmed."""

    def __init__(self, folder: Path, asking: int, ready: int, over: threading.Event) -> None:
        self._folder = folder
        self._over = over
        self._asking = asking
        self._ready = ready
        self._numbers = itertools.count(1)

    def ask(self, command: str, *words: str, must: bool = False) -> bytes:
        """Run one guestfish command and return what it printed.

        A command that fails gives b"", or with ``must`` ends the session with guestfish's own words.
        """
        number = next(self._numbers)
        answer = self._folder / str(number)
        line = " ".join([command if must else f"-{command}", *map(quoted, words)])
        os.write(self._asking, f"{line} | cat > '{answer}'; echo > '{self._folder}/ready'\n".encode())
        os.read(self._ready, 1)
        if self._over.is_set() or not answer.exists():  # of a question that was cut off, a part may be there
            raise _SessionOver
        data = answer.read_bytes()
        answer.unlink()
        return data

    def text(self, command: str, *words: str, must: bool = False) -> str:
        return self.ask(command, *words, must=must).decode("utf-8", "replace")

    def shell(self, script: str) -> str:
        """Run a script in the appliance, not in the guest; it must not contain single quotes."""
        return self.text("debug", "sh", f"'{script}'")


def mounted_in_turn(appliance: Appliance, *, leave_out: Collection[str] = ()) -> Iterator[str]:
    """Mount one file system of the disk after the other at the root, read-only, and yield its device meanwhile.

    ``leave_out`` are kinds of no interest, besides swap and what nobody knows.
    """
    for line in appliance.text("list-filesystems").splitlines():
        device, _, kind = line.partition(": ")
        if kind not in ("swap", "unknown", "", *leave_out):
            appliance.ask("mount-ro", device, "/")
            yield device
            appliance.ask("umount-all")


class _SessionOver(Exception):
    """Guestfish ended in the middle; what it said is in the error of the program."""


def converse(
    image: Path,
    talk: Callable[[Appliance], T],
    *,
    driver: str,
    host: Host,
    env: Mapping[str, str],
    timeout: float = 900.0,
    writable: bool = False,
) -> T:
    """Start an appliance with the image attached, read-only unless said, let ``talk`` ask, and return its answer.

    ``driver`` is QEMU's name of the format and is never guessed, ``timeout`` is in seconds for the whole conversation.
    Raises ToolError with guestfish's last words when it fails.
    """
    with scratch("audit") as folder, ExitStack() as stack:
        over = threading.Event()
        asking, ready = (_fifo(folder / end, stack) for end in ("questions", "ready"))

        def session() -> T:
            try:
                return talk(Appliance(folder, asking, ready, over))
            finally:
                os.write(asking, b"quit\n")  # closing would not do: guestfish may not have opened it yet

        pool = stack.enter_context(ThreadPoolExecutor(1, thread_name_prefix="audit"))
        answer = pool.submit(session)
        access = "--rw" if writable else "--ro"
        try:
            # The program runs in the calling thread: only so Ctrl-C and its death with ours reach it.
            host.run(
                *("guestfish", access, f"--format={driver}", "-a", image, "-f", folder / "questions"),
                env=env,
                fix=_FIX,
                timeout=timeout,
            )
        finally:
            over.set()
            os.write(ready, b"\n")  # wakes a question that nobody will answer any more
        try:
            return answer.result()
        except _SessionOver:
            raise ToolError("guestfish ended before all was asked", fix=_FIX) from None


def _fifo(path: Path, stack: ExitStack) -> int:
    os.mkfifo(path, 0o600)
    end = os.open(path, os.O_RDWR | os.O_CLOEXEC)  # both directions, so that neither end waits for the other
    stack.callback(os.close, end)
    return end


def quoted(word: str) -> str:
    """Return a word as guestfish reads it back unchanged; nothing in it can become a command."""
    safe = "".join(
        char
        if " " <= char < "\x7f" and char not in '"\\'
        else "".join(f"\\x{byte:02x}" for byte in char.encode())
        for char in word
    )
    return f'"{safe}"'
