"""Processes that move a channel until they are killed: each is a fork of one that has loaded all it needs."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

# Put behind a script that defines move(who, count), which says "ready" with its process and begins.
_FORKS = """
import os
for line in sys.stdin:
    who, count = line.split()
    if not (child := os.fork()):
        move(who, int(count))
        os._exit(0)
    print("ended", os.waitpid(child, 0)[1], flush=True)
"""
_ONCE = """
move(sys.argv[2], int(sys.argv[3]))
"""


def start(script: str, folder: object, who: str, count: int) -> subprocess.Popen[str]:
    """Start one that moves so many times and ends by itself."""
    return subprocess.Popen(
        [sys.executable, "-c", script + _ONCE, str(folder), who, str(count)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


class Nursery:
    """Gives one process after the other that moves a channel, each to be killed."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    @classmethod
    @contextmanager
    def of(cls, script: str, folder: object) -> Iterator["Nursery"]:
        command = [sys.executable, "-c", script + _FORKS, str(folder)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            try:
                yield cls(process)
            finally:
                process.kill()

    @contextmanager
    def killed_at_the_end(self, who: str, count: int) -> Iterator[None]:
        """Have one move the channel in this block, and kill it at the end of it."""
        assert self._process.stdin
        self._process.stdin.write(f"{who} {count}\n")
        self._process.stdin.flush()
        word, pid = self._line().split()
        assert word == "ready"
        try:
            yield
        finally:
            os.kill(int(pid), signal.SIGKILL)
            word = self._line()
            while not word.startswith("ended"):  # what it said of moves that were refused
                word = self._line()
        assert word == f"ended {int(signal.SIGKILL)}", "it was at work until then"

    def _line(self) -> str:
        assert self._process.stdout
        line = self._process.stdout.readline()
        assert line, "all of them are gone"
        return line.strip()
