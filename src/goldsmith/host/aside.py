"""Folders for what is not whole yet, beside what it becomes; the next one of that name removes those of the dead."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from goldsmith.errors import HostError
from goldsmith.host.locks import locked, try_lock

_LOCK = "lock"
_MARK = ".goldsmith-"
_LONGEST = 80  # bytes of a name; more might not fit


@contextmanager
def aside(folder: Path, name: str) -> Iterator[Path]:
    """Give a new folder in ``folder`` for the making of ``name``; it is gone after the block.

    It gets its name only when it is locked, so whoever sweeps never meets one that lives without a lock.
    """
    prefix = f"{_MARK}{name.encode()[:_LONGEST].decode(errors='ignore')}."
    _sweep(folder, prefix)
    try:
        made = Path(tempfile.mkdtemp(prefix=f"{_MARK}new-", dir=folder))
    except OSError as error:
        fix = "see to its permissions, or name another folder"
        raise HostError(f"cannot write to {folder}: {error.strerror}", fix=fix) from None
    try:
        with locked(made / _LOCK):
            made = made.rename(made.with_name(prefix + made.name.removeprefix(f"{_MARK}new-")))
            yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _sweep(folder: Path, prefix: str) -> None:
    with suppress(OSError):
        for left in [one for one in folder.iterdir() if one.name.startswith(prefix)]:
            if not left.is_symlink() and (left / _LOCK).is_file():
                with suppress(HostError), try_lock(left / _LOCK) as free:
                    if free:
                        shutil.rmtree(left, ignore_errors=True)
