"""The media kept here by digest, so that a recipe's ISO is copied and hashed once."""

import errno
import hashlib
import json
import os
import re
import shutil
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from goldsmith.errors import HostError, UsageError
from goldsmith.host import osinfo
from goldsmith.host.aside import aside
from goldsmith.host.closed import PASSED, make_folder
from goldsmith.host.files import fsync_tree, human_size, need_space, sha256_of, write_atomically
from goldsmith.host.process import Host
from goldsmith.host.sealed import is_whole, sealed_text

Progress = Callable[[int], None]  # bytes done so far
ABOUT = "medium.json"
_SEAL = "seal"  # its key with the digest of all the others
_BLOCK = 4 << 20
_SECTOR = 2048
_DESCRIPTOR = 16 * _SECTOR  # where ISO 9660 keeps its primary volume descriptor
_DIGEST = re.compile(r"[0-9a-f]{64}")
_SHORTEST = 8  # hexadecimal digits that may stand for a digest


@dataclass(frozen=True)
class Medium:
    """One file of the library; ``added`` is a time in UTC, ``os`` its libosinfo name where that is known."""

    name: str
    size: int
    sha256: str
    added: str
    path: Path
    os: str = ""


@dataclass(frozen=True)
class Library:
    """The folder ``store/media``: one folder a digest, with the file and its ``medium.json``."""

    folder: Path

    def add(self, path: Path, *, on_progress: Progress | None = None, host: Host | None = None) -> Medium:
        """Keep a copy of ``path`` and return it; the file itself is left alone.

        A file that is kept already is read, but not kept twice. With ``host`` libosinfo is asked what it is.
        Raises UsageError for a file that is no medium or only a part of one, HostError where it cannot be read or
        there is no room.
        """
        size = whole_size(path)
        self._prepare(size)
        with self._aside() as made:
            digest = _copy(path, made / path.name, on_progress)
            whole_size(made / path.name, shown=path)  # it may have been cut while it was read
            return self._keep(made, path.name, digest, _os(path, host))

    def take(self, path: Path, *, sha256: str, host: Host | None = None) -> Medium:
        """Move a file that nobody else needs into the library; ``sha256`` is its digest, which is not read again.

        ``path`` must be on the library's file system. Raises as ``add`` does.
        """
        whole_size(path)
        self._prepare(0)
        with self._aside() as made:
            found = _os(path, host)
            path.chmod(0o644)
            path.rename(made / path.name)
            return self._keep(made, path.name, sha256, found)

    def find(self, name_or_digest: str) -> Medium | None:
        """Return the medium of this name, digest, or beginning of a digest; the last added of equal names."""
        wanted = name_or_digest.lower()
        media = self.list()
        if len(wanted) >= _SHORTEST:
            begins = [one for one in media if one.sha256.startswith(wanted)]
            if len(begins) == 1:
                return begins[0]
        named = [one for one in media if one.name == name_or_digest]
        return max(named, key=lambda one: one.added, default=None)

    def intact(self, medium: Medium) -> bool:
        """Say whether a medium holds its bytes; one that nobody has written to since it was read is not read again."""
        return sha256_of(medium.path, memo=self.folder.parent.parent / "digests.json") == medium.sha256

    def drop(self, medium: Medium) -> None:
        """Remove a medium that is damaged; whoever needs it gets it again."""
        shutil.rmtree(medium.path.parent, ignore_errors=True)

    def damage(self) -> Iterator[tuple[Path, str]]:
        """Read every medium; yield the folders of those that are not what was added, and why."""
        folders = sorted(self.folder.iterdir()) if self.folder.is_dir() else []
        for place in (one for one in folders if _DIGEST.fullmatch(one.name)):
            medium = _read(place)
            if medium is None:
                yield place, f"its {ABOUT} and its file do not agree"
            elif sha256_of(medium.path) != medium.sha256:
                yield place, f"{medium.name} has other content than when it was added"

    def list(self) -> list[Medium]:
        """Return all media, by name; what is being added is none yet."""
        folders = self.folder.iterdir() if self.folder.is_dir() else ()
        found = (_read(one) for one in folders if _DIGEST.fullmatch(one.name))
        return sorted((one for one in found if one), key=lambda one: (one.name, one.added))

    def _prepare(self, size: int) -> None:
        try:
            for folder in (self.folder.parent, self.folder):
                make_folder(folder, PASSED)
        except OSError as error:
            raise HostError(
                f"cannot make {self.folder}: {error.strerror}", fix="name another state folder with --state"
            ) from None
        need_space(self.folder, size, what="a copy of the medium")

    @contextmanager
    def _aside(self) -> Iterator[Path]:
        with aside(self.folder, "medium") as folder:
            made = folder / "medium"
            made.mkdir()
            made.chmod(0o755)  # qemu reads it as another user
            yield made

    def _keep(self, made: Path, name: str, digest: str, os_name: str) -> Medium:
        added = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        size = (made / name).stat().st_size
        about = {"name": name, "size": size, "sha256": digest, "osinfo": os_name, "added": added}
        write_atomically(made / ABOUT, sealed_text(about, key=_SEAL))
        fsync_tree(made)
        place = self.folder / digest
        if (known := _read(place)) and sha256_of(known.path) == digest:
            return known
        shutil.rmtree(place, ignore_errors=True)  # damaged since, or left without its description
        try:
            made.rename(place)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise HostError(f"cannot keep {place}: {error.strerror}", fix="see to permissions") from None
        kept = _read(place)
        assert kept  # by us, or by another process that was faster
        return kept


def _os(path: Path, host: Host | None) -> str:
    found = osinfo.identify(host, path) if host else None
    return found.os if found else ""


def _read(folder: Path) -> Medium | None:
    try:
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        path = folder / str(about["name"])
        whole = is_whole(about, key=_SEAL) or _SEAL not in about  # added before there were seals
        if not whole or about["sha256"] != folder.name or path.stat().st_size != about["size"]:
            return None
        facts = {name: str(about[name]) for name in ("name", "sha256", "added")}
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return Medium(size=int(about["size"]), path=path, os=str(about.get("osinfo", "")), **facts)


def whole_size(path: Path, *, shown: Path | None = None) -> int:
    """Return the size of a medium; refuse what is no file, is empty, or is shorter than its header says."""
    name = shown or path
    again = "get it again: the download did not end"
    try:
        if not path.is_file():
            what = "is not a file" if path.exists() else "does not exist"
            raise UsageError(f"{name} {what}", fix="give the path of an ISO or image file")
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(_DESCRIPTOR)
            header = file.read(_SECTOR)
    except OSError as error:
        raise HostError(
            f"cannot read {name}: {error.strerror}", fix=f"see to the permissions of {name}"
        ) from None
    if size == 0:
        raise UsageError(f"{name} is empty", fix=again)
    if len(header) == _SECTOR and header[:6] == b"\x01CD001":
        (blocks,) = struct.unpack_from("<I", header, 80)
        if blocks * _SECTOR > size:
            raise UsageError(
                f"{name} is truncated: it has {human_size(size)}, but its header says "
                f"{human_size(blocks * _SECTOR)}",
                fix=again,
            )
    return size


def _copy(source: Path, target: Path, on_progress: Progress | None) -> str:
    """Copy and hash in one pass; where the file system can, the copy shares the blocks of the source."""
    running = hashlib.sha256()
    done, shares = 0, True
    try:
        with source.open("rb", buffering=0) as file, target.open("wb", buffering=0) as copy:
            while block := file.read(_BLOCK):
                running.update(block)
                shares = shares and _share(file.fileno(), copy.fileno(), done, len(block))
                if not shares:
                    os.pwrite(copy.fileno(), block, done)
                done += len(block)
                if on_progress:
                    on_progress(done)
        target.chmod(0o644)
    except OSError as error:
        fix = "goldsmith store prune" if error.errno == errno.ENOSPC else f"see to {source} and its disk"
        raise HostError(f"cannot copy {source}: {error.strerror}", fix=fix) from None
    return running.hexdigest()


def _share(source: int, target: int, start: int, length: int) -> bool:
    """Let the kernel copy a block, by reference where it can; False where it does not do it at all."""
    done = 0
    while done < length:
        try:
            step = os.copy_file_range(source, target, length - done, start + done, start + done)
        except OSError:
            return False
        if not step:
            return False
        done += step
    return True
