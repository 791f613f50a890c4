"""Files on this host: written whole or not at all, digested once, with room asked for before it is needed."""

import errno
import hashlib
import math
import os
import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from goldsmith.errors import HostError
from goldsmith.host.aside import new_file
from goldsmith.host.copies import Copied, clone, copy
from goldsmith.host.locks import holder, is_locked, locked, try_lock
from goldsmith.host.sealed import sealed_text, unsealed

__all__ = [
    "Copied",
    "Digests",
    "allocated",
    "clone",
    "copy",
    "digest",
    "free_bytes",
    "fsync_tree",
    "holder",
    "human_size",
    "human_time",
    "is_locked",
    "locked",
    "need_space",
    "put_in_place",
    "remember",
    "sha256_of",
    "sha256_of_data",
    "try_lock",
    "write_atomically",
]

_BLOCK = 4 << 20
MEMO = "files"  # the key of a memo under which the digests stand, by path
_FRESH = 50_000_000  # ns; a file younger than the clock's step can change again without a new time stamp


@dataclass(frozen=True)
class Digests:
    """Hexadecimal digests of one file, and its size in bytes."""

    md5: str
    sha256: str
    sha512: str
    size: int


def sha256_of(path: Path, *, memo: Path | None = None, on_bytes: Callable[[int], None] | None = None) -> str:
    """Return the hexadecimal sha256 of a file; with ``memo`` an unchanged file is read only once."""
    if memo is None:
        return _sha256(path, on_bytes)
    before = _readable(path)
    known = _recall(memo).get(os.path.realpath(path))
    if isinstance(known, dict) and known.get("identity") == _identity(before):
        return str(known["sha256"])
    digest = _sha256(path, on_bytes)
    settled = abs(time.time_ns() - before.st_ctime_ns) > _FRESH
    if settled and _identity(path.stat()) == _identity(before):
        with suppress(HostError):  # a state folder that only can be read costs time, no more
            remember(path, digest, memo=memo)
    return digest


def remember(path: Path, sha256: str, *, memo: Path) -> None:
    """Note the digest of a file that was just read, so that ``sha256_of`` need not read it again."""
    with locked(memo.with_name(memo.name + ".lock")):
        entry = {"identity": identity(path), "sha256": sha256}
        facts = {**_recall(memo), os.path.realpath(path): entry}
        write_atomically(memo, sealed_text({MEMO: facts}), mode=0o600)


def digest(
    path: Path,
    *,
    on_bytes: Callable[[int], None] | None = None,
    on_block: Callable[[bytes], None] | None = None,
) -> Digests:
    """Read a file once and return the digests the catalog wants; ``on_bytes`` gets the size of each block.

    ``on_block`` gets the block itself, for whoever wants one more digest of the same pass.
    """
    _readable(path)
    hashes = [hashlib.md5(usedforsecurity=False), hashlib.sha256(), hashlib.sha512()]
    size = 0
    with path.open("rb", buffering=0) as file, ThreadPoolExecutor(len(hashes)) as pool:
        while block := file.read(_BLOCK):
            for done in [pool.submit(one.update, block) for one in hashes]:
                done.result()
            size += len(block)
            if on_block:
                on_block(block)
            if on_bytes:
                on_bytes(len(block))
    md5, sha256, sha512 = (one.hexdigest() for one in hashes)
    return Digests(md5, sha256, sha512, size)


def sha256_of_data(path: Path) -> str:
    """Return the hexadecimal sha256 of what a sparse file holds and where; its holes are not read."""
    running = hashlib.sha256(str(path.stat().st_size).encode())
    with path.open("rb", buffering=0) as file:
        end = 0
        while True:
            try:
                start = os.lseek(file.fileno(), end, os.SEEK_DATA)
            except OSError as error:
                if error.errno == errno.ENXIO:  # nothing but a hole is left
                    return running.hexdigest()
                raise
            end = os.lseek(file.fileno(), start, os.SEEK_HOLE)
            running.update(f"\n{start} {end}\n".encode())
            os.lseek(file.fileno(), start, os.SEEK_SET)
            while start < end and (block := file.read(min(_BLOCK, end - start))):
                running.update(block)
                start += len(block)


def write_atomically(path: Path, data: bytes | str, *, mode: int = 0o644) -> None:
    """Give ``path`` this content for good: after a crash it holds the old or the new one, never a part."""
    content = data.encode() if isinstance(data, str) else data
    aside: Path | None = None
    try:
        number, aside = new_file(path)
        with os.fdopen(number, "wb") as file:
            os.fchmod(number, mode)
            file.write(content)
            file.flush()
            os.fsync(number)
            aside.replace(path)
        aside = None
        _fsync(path.parent)
    except OSError as error:
        raise HostError(
            f"cannot write {path}: {error.strerror}",
            fix="see to the permissions of the folder and its free space",
        ) from None
    finally:
        if aside:
            aside.unlink(missing_ok=True)


def fsync_tree(folder: Path) -> None:
    """Bring a file, or a folder with all it holds, to the disk."""
    for root, _, names in os.walk(folder):
        for name in names:
            if not (one := Path(root, name)).is_symlink():
                _fsync(one)
        _fsync(Path(root))
    if folder.is_file():
        _fsync(folder)
        _fsync(folder.parent)


def put_in_place(made: Path, place: Path) -> None:
    """Give a finished file or folder its name for good: after a crash it is there whole, or not at all."""
    fsync_tree(made)
    made.replace(place)
    _fsync(place.parent)


def remove_folder(folder: Path) -> bool:
    """Remove a folder with all it holds, as far as that can be; say whether it is gone. No link is followed."""
    shutil.rmtree(folder, ignore_errors=True)
    return not os.path.lexists(folder)


def allocated(path: Path) -> int:
    """Return the bytes that a file takes on its disk; holes take none."""
    return path.stat().st_blocks * 512


def free_bytes(folder: Path) -> int:
    """Return the bytes free for ``folder``, which may be yet to be made."""
    there = folder.absolute()
    while not there.exists():
        there = there.parent
    return shutil.disk_usage(there).free


def need_space(folder: Path, wanted: int, *, what: str) -> None:
    """Raise HostError unless ``folder`` has room for ``wanted`` bytes."""
    free = free_bytes(folder)
    if free < wanted:
        raise HostError(
            f"{what} needs {human_size(wanted)} in {folder}, but only {human_size(free)} are free",
            fix="goldsmith store prune, or give --state a folder on a bigger disk",
        )


def human_size(size: float) -> str:
    """Write bytes as people read them: ``17 bytes``, ``640 MiB``, ``1.5 GiB``."""
    if abs(size) < 1024:
        return f"{size:.0f} bytes"
    for unit in ("KiB", "MiB", "GiB", "TiB"):
        size /= 1024
        if abs(size) < 1023.95 or unit == "TiB":
            break
    return f"{size:.1f}".removesuffix(".0") + f" {unit}"


def human_time(seconds: float) -> str:
    """Write seconds as people read them: ``0.4 s``, ``12 s``, ``2 min 3 s``, ``1 h 5 min``."""
    if not math.isfinite(seconds):  # of a damaged record
        return "an unknown time"
    if seconds < 9.95:
        return f"{seconds:.1f}".removesuffix(".0") + " s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min" + (f" {whole % 60} s" if whole % 60 else "")
    minutes = round(seconds / 60)
    return f"{minutes // 60} h" + (f" {minutes % 60} min" if minutes % 60 else "")


def _sha256(path: Path, on_bytes: Callable[[int], None] | None) -> str:
    _readable(path)
    running = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while block := file.read(_BLOCK):
            running.update(block)
            if on_bytes:
                on_bytes(len(block))
    return running.hexdigest()


def _readable(path: Path) -> os.stat_result:
    try:
        with path.open("rb") as file:
            return os.fstat(file.fileno())
    except OSError as error:
        raise HostError(f"{path}: {error.strerror}", fix="see to the path and its permissions") from None


def identity(path: Path) -> list[int]:
    """Return device, inode, size and time of a file's last change: while they stay, no program has written to it."""
    return _identity(path.stat())


def _identity(stat: os.stat_result) -> list[int]:
    return [stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns]


def _recall(memo: Path) -> dict[str, object]:
    try:
        facts = (unsealed(memo.read_bytes()) or {}).get(MEMO)
    except OSError:
        return {}  # what is lost is only time
    return facts if isinstance(facts, dict) else {}


def _fsync(path: Path) -> None:
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)
