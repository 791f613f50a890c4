"""Copies of big files, as cheap as the file system allows."""

import errno
import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from pathlib import Path

from goldsmith.errors import HostError
from goldsmith.host.aside import new_file

_FICLONE = 0x40049409
_BLOCK = 4 << 20


class Copied(StrEnum):
    REFLINK = "reflink"
    HARDLINK = "hardlink"
    COPY = "copy"


def clone(src: Path, dst: Path) -> Copied:
    """Make ``dst`` hold what ``src`` holds, for readers only: after a hard link both are the same file."""
    with _aside(src, dst) as (source, target, aside):
        if _reflink(source, target):
            return Copied.REFLINK
        with suppress(OSError):
            aside.unlink()
            os.link(src, aside)
            return Copied.HARDLINK
        with aside.open("wb") as again:
            _copy_sparsely(source, again.fileno(), None)
        return Copied.COPY


def copy(src: Path, dst: Path, *, on_bytes: Callable[[int], None] | None = None) -> Copied:
    """Make ``dst`` a file of its own, free to change; holes stay holes. ``on_bytes`` gets the steps."""
    with _aside(src, dst) as (source, target, _):
        if _reflink(source, target):
            return Copied.REFLINK
        _copy_sparsely(source, target, on_bytes)
        return Copied.COPY


@contextmanager
def _aside(src: Path, dst: Path) -> Iterator[tuple[int, int, Path]]:
    """Open both ends; what was written beside ``dst`` takes its place at the end, or is removed."""
    aside: Path | None = None
    try:
        with src.open("rb") as source:
            number, aside = new_file(dst)
            with os.fdopen(number, "wb") as target:
                os.fchmod(number, 0o644)
                yield source.fileno(), number, aside
                os.fsync(target.fileno())
                aside.replace(dst)
    except OSError as error:
        fix = "goldsmith store prune" if error.errno == errno.ENOSPC else "see to permissions and space"
        raise HostError(f"cannot copy {src} to {dst}: {error.strerror}", fix=fix) from None
    finally:
        if aside:
            aside.unlink(missing_ok=True)


def _reflink(source: int, target: int) -> bool:
    try:
        fcntl.ioctl(target, _FICLONE, source)
    except OSError:
        return False  # another file system, or one that cannot
    return True


def _copy_sparsely(source: int, target: int, on_bytes: Callable[[int], None] | None) -> None:
    size = os.fstat(source).st_size
    for start, end in _extents(source, size):
        at = start
        while at < end:
            block = os.pread(source, min(_BLOCK, end - at), at)
            if not block:
                break
            os.pwrite(target, block, at)
            at += len(block)
            if on_bytes:
                on_bytes(len(block))
    os.ftruncate(target, size)
    os.fsync(target)


def _extents(file: int, size: int) -> Iterator[tuple[int, int]]:
    end = 0
    while end < size:
        try:
            start = os.lseek(file, end, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:
                return  # nothing but a hole up to the end
            raise
        end = os.lseek(file, start, os.SEEK_HOLE)
        yield start, end
