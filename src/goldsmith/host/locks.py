"""Locks between processes: one file each, freed by the kernel when their holder dies in whatever way.

They belong to the open file (F_OFD_SETLK), as those of flock do; but these can also be looked at without being
taken, so that a glance never makes a lock seem held.
"""

import fcntl
import os
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from goldsmith.errors import HostError
from goldsmith.host.clock import outside

_POLL = 0.1  # seconds
_FLOCK = struct.Struct("hhqqi4x")  # l_type, l_whence, l_start, l_len, l_pid
_WHOLE = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
_SHARED = _FLOCK.pack(fcntl.F_RDLCK, os.SEEK_SET, 0, 0, 0)


@contextmanager
def locked(path: Path, *, on_wait: Callable[[str], None] | None = None) -> Iterator[None]:
    """Hold the lock ``path``, after waiting for whoever holds it.

    ``on_wait`` is told who that is, once for each holder; what it raises ends the waiting. The file stays: a
    lock file that is removed can be held twice.
    """
    file = _open(path)
    try:
        if not _take(file):
            _wait(file, path, on_wait)
        _sign(file)
        yield
    finally:
        os.close(file)


@contextmanager
def shared(path: Path) -> Iterator[None]:
    """Hold the lock together with others that share it, after waiting for whoever holds it alone."""
    file = _open(path)
    try:
        with outside.waiting():
            while not _take(file, _SHARED):
                time.sleep(_POLL)
        yield
    finally:
        os.close(file)


@contextmanager
def try_lock(path: Path, *, sign: bool = True) -> Iterator[bool]:
    """Hold the lock if it is free; yields whether it was. ``sign`` writes into it who holds it."""
    file = _open(path)
    try:
        taken = _take(file)
        if taken and sign:
            _sign(file)
        yield taken
    finally:
        os.close(file)


def hold(file: int) -> None:
    """Lock an open file until it is closed; where its file system knows no locks it goes without."""
    with suppress(OSError):
        _take(file)


def is_locked(path: Path) -> bool:
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise HostError(f"{path}: {error.strerror}", fix="see to the permissions of this file") from None
    try:
        kind, *_ = _FLOCK.unpack(fcntl.fcntl(file, fcntl.F_OFD_GETLK, _WHOLE))
        return bool(kind != fcntl.F_UNLCK)
    finally:
        os.close(file)


def holder(path: Path) -> str:
    """Say who took the lock last, as ``pid 4711 on build1 since 2026-01-31 12:00:00 UTC``."""
    try:
        return path.read_text(encoding="utf-8").strip() or "an unknown process"
    except OSError:
        return "an unknown process"


def _open(path: Path) -> int:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise HostError(
            f"cannot lock {path}: {error.strerror}", fix="give --state a folder that you may write to"
        ) from None


def _take(file: int, how: bytes = _WHOLE) -> bool:
    try:
        fcntl.fcntl(file, fcntl.F_OFD_SETLK, how)
    except (BlockingIOError, PermissionError):
        return False
    return True


def _wait(file: int, path: Path, on_wait: Callable[[str], None] | None) -> None:
    told = ""
    with outside.waiting():
        while not _take(file):
            now = holder(path)
            if on_wait and now != told:
                on_wait(now)
                told = now
            time.sleep(_POLL)


def _sign(file: int) -> None:
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    text = f"pid {os.getpid()} on {socket.gethostname()} since {now}\n".encode()
    os.pwrite(file, text, 0)
    os.ftruncate(file, len(text))
