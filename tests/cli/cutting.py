"""A build that is cut off at chosen moments: python cutting.py STATE HOW WORDS... (goldsmith's own words).

A moment comes before each thing that Python writes below STATE, before each program that is started and before each
statement of SQLite. ``count`` prints at the end how many there were; ``kill:N`` kills the process at the N-th;
``copy:SEED:FOLDER`` copies STATE to FOLDER/N at some of them, as a power cut would leave it: in every other copy what
nobody had brought to the disk is torn.
"""

import json
import os
import random
import shutil
import signal
import sqlite3
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from goldsmith.cli.main import run

WRITES = (
    "os.rename",
    "os.remove",
    "os.rmdir",
    "os.mkdir",
    "os.link",
    "os.symlink",
    "os.truncate",
    "os.chmod",
)
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
CHANCE = {"statement": 0.2}  # of a moment to be copied at
ELSE = 0.05
STARTED = time.time_ns()  # what is older is on the disk
SYNCED: dict[int, int] = {}  # inode: time of its last change when it was brought to the disk


class Moments:
    """Counts the moments, and does something at each; what itself does is none."""

    def __init__(self, state: Path, act: Callable[[int, str], None]) -> None:
        self._state = f"{state}/"
        self._act = act
        self._inside = threading.local()
        self._turn = threading.Lock()
        self.count = 0

    def hook(self, event: str, args: tuple[object, ...]) -> None:
        writes = event in WRITES or (event == "open" and isinstance(args[2], int) and args[2] & WRITING)
        if event == "subprocess.Popen" or (writes and self._below(args)):
            self.come(event)

    def come(self, what: str) -> None:
        if getattr(self._inside, "now", False):
            return
        self._inside.now = True
        try:
            with self._turn:
                self.count += 1
                self._act(self.count, what)
        finally:
            self._inside.now = False

    def _below(self, args: tuple[object, ...]) -> bool:
        return any(isinstance(one, str | bytes | os.PathLike) and self._is_mine(one) for one in args)

    def _is_mine(self, path: str | bytes | os.PathLike[str]) -> bool:
        return os.fsdecode(path).startswith(self._state)


def killing(moment: int) -> Callable[[int, str], None]:
    def act(number: int, _what: str) -> None:
        if number == moment:
            os.kill(os.getpid(), signal.SIGKILL)

    return act


def copying(state: Path, seed: str, target: Path) -> Callable[[int, str], None]:
    chance = random.Random(seed)

    def act(number: int, what: str) -> None:
        if chance.random() > CHANCE.get(what, ELSE):
            return
        copy = target / str(number)
        shutil.copytree(state, copy, symlinks=True)
        if torn := number % 2 == 0:
            _tear(state, copy)
        (target / f"{number}.json").write_text(json.dumps({"before": what, "torn": torn}))

    return act


def _tear(state: Path, copy: Path) -> None:
    """Cut what was not brought to the disk since its last change; SQLite does that itself, out of our sight."""
    for path in state.rglob("*"):
        other = copy / path.relative_to(state)
        if not other.is_file() or path.is_symlink() or path.name.startswith("index.db"):
            continue
        found = path.stat()
        if found.st_mtime_ns > STARTED and SYNCED.get(found.st_ino) != found.st_mtime_ns:
            os.truncate(other, found.st_size // 2)


def _note_syncs() -> None:
    real = os.fsync

    def fsync(file: int) -> None:
        real(file)
        found = os.fstat(file)
        SYNCED[found.st_ino] = found.st_mtime_ns

    os.fsync = fsync  # type: ignore[assignment]


def _watch_statements(moments: Moments) -> None:
    real = sqlite3.connect

    def connect(*words: object, **options: object) -> sqlite3.Connection:
        connection: sqlite3.Connection = real(*words, **options)  # type: ignore[call-overload]
        connection.set_trace_callback(lambda _text: moments.come("statement"))
        return connection

    sqlite3.connect = connect  # type: ignore[assignment]


def main(state: str, how: str, *words: str) -> int:
    kind, *rest = how.split(":")
    acts: dict[str, Callable[[], Callable[[int, str], None]]] = {
        "count": lambda: lambda _number, _what: None,
        "kill": lambda: killing(int(rest[0])),
        "copy": lambda: copying(Path(state), rest[0], Path(rest[1])),
    }
    moments = Moments(Path(state), acts[kind]())
    _note_syncs()
    _watch_statements(moments)
    sys.addaudithook(moments.hook)
    code = run(list(words))
    print(f"{moments.count} moments", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
