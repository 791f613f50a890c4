"""Image files by the sha256 of their bytes: brought in aside, placed by rename, never changed afterwards.

A process that brings a file in holds a lock (``incoming/<image id>.lock``) that the kernel frees when it
dies, so whatever lies in ``incoming/`` without a held lock was left behind by a dead process.
"""

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from goldsmith.catalog.entry import OnBytes
from goldsmith.catalog.source import altered, look, other
from goldsmith.errors import CatalogError
from goldsmith.host.closed import PASSED, make_folder
from goldsmith.host.files import (
    Copied,
    Digests,
    allocated,
    clone,
    copy,
    digest,
    fsync_tree,
    need_space,
    remember,
    sha256_of,
)

READ_ONLY = 0o444


@dataclass(frozen=True)
class Blobs:
    """The files of a catalog, in ``images/<first two digits>/<sha256>`` below its folder."""

    folder: Path

    @property
    def _memo(self) -> Path:
        return self.folder / "index-digests.json"

    @property
    def _incoming(self) -> Path:
        return self.folder / "incoming"

    def path(self, sha256: str) -> Path:
        return self.folder / "images" / sha256[:2] / sha256

    def whole(self, sha256: str | None, size: int | None) -> bool:
        """Say whether the file is there in its full length, without reading it."""
        try:
            return bool(sha256) and self.path(str(sha256)).stat().st_size == size
        except FileNotFoundError:
            return False

    def intact(self, sha256: str | None, size: int | None) -> bool:
        """Say whether the file holds its bytes; one that nobody has written to since is not read again."""
        if not self.whole(sha256, size):
            return False
        return sha256_of(self.path(str(sha256)), memo=self._memo) == sha256

    def trust(self, sha256: str) -> None:
        """Note that the file was read just now, and holds its bytes."""
        remember(self.path(sha256), sha256, memo=self._memo)

    @contextmanager
    def claim(self, image_id: str) -> Iterator[None]:
        """Own what comes in for an image; when the block ends, nothing of it is left in ``incoming/``."""
        lock = self._incoming / f"{image_id}.lock"
        try:
            make_folder(self.folder, PASSED)
            make_folder(self._incoming)
            file = _lock(lock, fcntl.LOCK_EX)
        except OSError as error:
            raise CatalogError(
                f"{error.filename or lock}: {error.strerror}",
                fix="run as the owner of the catalog, or name another state folder with --state",
            ) from None
        try:
            yield
        finally:
            self._clear(image_id)
            os.close(file)

    def abandoned(self) -> Iterator[str]:
        """Yield the images that a dead process was bringing in; what lies there is removed after each."""
        with suppress(FileNotFoundError):
            for lock in sorted(self._incoming.glob("*.lock")):
                try:
                    file = _lock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError:
                    continue  # its process is alive, or it is not ours to touch
                try:
                    yield lock.stem
                    self._clear(lock.stem)
                finally:
                    os.close(file)

    def bring_in(
        self, image_id: str, file: Path, digests: Digests | None, *, on_bytes: OnBytes | None
    ) -> tuple[Path, Digests]:
        """Bring ``file`` into the claimed place; return it there, read-only, with its digests.

        Only a file whose digests are promised may be shared (hard link). Any other becomes a file of its own,
        since its owner may go on writing to it.
        """
        before = look(file)
        part = self._incoming / f"{image_id}.part"
        if digests is None or file.stat().st_dev != self._incoming.stat().st_dev:  # it cannot be shared
            need_space(self._incoming, allocated(file), what=f"a copy of {file.name}")
        how = clone(file, part) if digests else copy(file, part)
        part.chmod(READ_ONLY)
        shared = digests if how is not Copied.COPY else None
        found = shared or digest(part, on_bytes=on_bytes)
        if look(file) != before:
            raise altered(file)
        if part.stat().st_size != found.size or found != (digests or found):
            raise other(file)
        return part, found

    def place(self, part: Path, sha256: str) -> None:
        """Give the bytes their final name. A file of that name that is not whole is replaced."""
        final = self.path(sha256)
        for folder in (final.parent.parent, final.parent):  # a boot test gives QEMU the file where it is
            make_folder(folder, PASSED)
        if self.intact(sha256, part.stat().st_size):
            part.unlink()
            return
        part.replace(final)
        fsync_tree(final)
        self.trust(sha256)

    def remove(self, sha256: str) -> int:
        """Remove a file and return the bytes that this gave back to the disk."""
        try:
            freed = self.size_on_disk(sha256)
            self.path(sha256).unlink()
        except FileNotFoundError:
            return 0
        with suppress(OSError):
            self.path(sha256).parent.rmdir()
        return freed

    def size_on_disk(self, sha256: str) -> int:
        """Return the bytes that removing a file gives back; none while the store shares it."""
        try:
            path = self.path(sha256)
            return allocated(path) if path.stat().st_nlink == 1 else 0
        except FileNotFoundError:
            return 0

    def digests(self) -> frozenset[str]:
        """Return the sha256 of every file that is there."""
        return frozenset(path.name for path in self.all() if re.fullmatch("[0-9a-f]{64}", path.name))

    def all(self) -> Iterator[Path]:
        yield from sorted((self.folder / "images").glob("??/*"))

    def _clear(self, image_id: str) -> None:
        for pattern in (f".{image_id}.part.*", f"{image_id}.part", f"{image_id}.lock"):
            for left in self._incoming.glob(pattern):
                left.unlink(missing_ok=True)


def _lock(path: Path, how: int) -> int:
    """Lock the file that has this name now: a sweeper may have removed the one that was opened."""
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(file, how)
            if os.fstat(file).st_ino == path.stat().st_ino:
                return file
        except FileNotFoundError:
            pass
        except BaseException:
            os.close(file)
            raise
        os.close(file)
