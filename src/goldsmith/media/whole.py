"""Whether a medium is whole, and a copy of it, which is hashed on the way."""

import errno
import hashlib
import os
import struct
from collections.abc import Callable
from pathlib import Path

from goldsmith.errors import HostError, UsageError
from goldsmith.host.files import human_size

Progress = Callable[[int], None]  # bytes done so far
_BLOCK = 4 << 20
_SECTOR = 2048
_DESCRIPTOR = 16 * _SECTOR  # where ISO 9660 keeps its primary volume descriptor


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


def copy(source: Path, target: Path, on_progress: Progress | None) -> str:
    """Copy and hash in one pass, and return the SHA-256; where the file system can, the copy shares the blocks."""
    running = hashlib.sha256()
    done, shares = 0, True
    try:
        with source.open("rb", buffering=0) as file, target.open("wb", buffering=0) as made:
            while block := file.read(_BLOCK):
                running.update(block)
                shares = shares and _share(file.fileno(), made.fileno(), done, len(block))
                if not shares:
                    os.pwrite(made.fileno(), block, done)
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
