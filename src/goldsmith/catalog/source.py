"""A file on its way into a catalog: read once, digested on the way, and seen not to change."""

import hashlib
import os
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from goldsmith.catalog.entry import OnBytes
from goldsmith.errors import CatalogError, HostError, UsageError
from goldsmith.host.files import Digests

_AHEAD = 8  # blocks that wait to be digested, so that a pause of one side does not stop the other
_BEHIND = 5  # how much nicer digesting is: the side that takes the bytes is waited for anyhow
_BLOCK = 2 << 20  # small enough for a slow line to take within the time that is waited for a sign of life


@dataclass(frozen=True)
class Seen:
    """By what a file is known to be the same as before."""

    size: int
    written: int  # ns
    inode: int


class Digesting:
    """Digests of blocks as they pass, each by a thread of its own that may lag a few blocks behind."""

    def __init__(self) -> None:
        self._hashes = (hashlib.md5(usedforsecurity=False), hashlib.sha256(), hashlib.sha512())
        # one each: its blocks stay in order
        self._threads = [ThreadPoolExecutor(1, initializer=_stand_back) for _ in self._hashes]
        self._going: deque[list[Future[None]]] = deque()
        self.size = 0

    def __enter__(self) -> "Digesting":
        return self

    def __exit__(self, *_: object) -> None:
        for one in self._threads:
            one.shutdown()

    def take(self, block: bytes) -> None:
        """Begin with a block; it goes on while the caller does something else."""
        self._wait(_AHEAD)
        self.size += len(block)
        pairs = zip(self._threads, self._hashes, strict=True)
        self._going.append([thread.submit(one.update, block) for thread, one in pairs])

    def result(self) -> Digests:
        self._wait(0)
        md5, sha256, sha512 = (one.hexdigest() for one in self._hashes)
        return Digests(md5, sha256, sha512, self.size)

    def _wait(self, most: int) -> None:
        while len(self._going) > most:
            for one in self._going.popleft():
                one.result()


def _stand_back() -> None:
    """Let this thread alone (so it is on Linux) give way to the others, and to a server on this host."""
    thread = threading.get_native_id()
    with suppress(OSError):  # where that is forbidden, it only takes longer
        os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + _BEHIND)


def look(file: Path) -> Seen:
    """Return what a plain, not empty file looks like now."""
    try:
        stat = file.stat()
    except OSError as error:
        raise HostError(f"{file}: {error.strerror}", fix="see to the path and its permissions") from None
    if not file.is_file():
        raise UsageError(f"{file} is not a plain file", fix="name the image file")
    if stat.st_size == 0:
        raise UsageError(f"{file} is empty, so it is no image", fix="see what should have written it")
    return Seen(stat.st_size, stat.st_mtime_ns, stat.st_ino)


def altered(file: Path) -> CatalogError:
    return CatalogError(
        f"{file} changed while it was registered",
        fix="wait until nothing writes to it, then register it again",
    )


def other(file: Path) -> CatalogError:
    return CatalogError(
        f"{file} is not the file that was measured: other bytes are in it now",
        fix="do not use it; goldsmith image verify reads all of a catalog's images again. Build it anew",
    )


class Reading:
    """The blocks of a file, for one iteration; ``digests`` are known after it.

    The last block is given only when the file is seen to be the one that was begun with (and, with ``promised``
    digests, the one that was measured): whoever gets all blocks has the file.
    """

    def __init__(
        self, file: Path, seen: Seen, promised: Digests | None = None, on_bytes: OnBytes | None = None
    ) -> None:
        self.file, self.seen = file, seen
        self.digests: Digests | None = None
        self._promised, self._on_bytes, self._begun = promised, on_bytes, False

    def __len__(self) -> int:
        return self.seen.size

    def __iter__(self) -> Iterator[bytes]:
        if self._begun:
            raise AssertionError("a file on its way is sent once, whatever a library would like")
        self._begun = True
        with _opened(self.file) as stream, Digesting() as digesting:
            held = self._read(stream)
            while held:
                digesting.take(held)
                if digesting.size > self.seen.size:
                    raise altered(self.file)  # before a receiver gets more than it was promised
                following = self._read(stream)
                if not following:
                    self._finish(digesting.result())
                yield held
                if self._on_bytes:
                    self._on_bytes(len(held))
                held = following
            if not digesting.size:
                raise altered(self.file)

    def _finish(self, found: Digests) -> None:
        if found.size != self.seen.size or look(self.file) != self.seen:
            raise altered(self.file)
        if found != (self._promised or found):
            raise other(self.file)
        self.digests = found

    def _read(self, stream: FileIO) -> bytes:
        try:
            return stream.read(_BLOCK)
        except OSError as error:
            raise HostError(f"{self.file} cannot be read: {error.strerror}", fix="see to its disk") from None


def _opened(file: Path) -> FileIO:
    try:
        return FileIO(file)
    except OSError as error:
        raise HostError(f"{file}: {error.strerror}", fix="see to the path and its permissions") from None
