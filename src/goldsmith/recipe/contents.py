"""What a file or folder of the project holds, links followed: for all who look at it, copy it or put it into a key."""

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from goldsmith.errors import Mark, RecipeError

_BLOCK = 1 << 20


def contents(path: Path, *, within: tuple[Path, ...] = ()) -> Iterator[Path]:
    """Yield a file, or a folder and all that is in it; a folder comes before what it holds.

    Links count as what they lead to. Raises OSError, with the file's name, for what cannot be copied: links that lead
    nowhere or in a circle, what is not to be read, pipes and devices.
    """
    mode = path.stat().st_mode
    folder = stat.S_ISDIR(mode)
    if not folder and not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "it is neither a file nor a folder", str(path))
    real = path.resolve()
    if real in within:
        raise OSError(errno.ELOOP, "the link leads back to a folder that holds it", str(path))
    yield path
    if not os.access(path, os.R_OK | (os.X_OK if folder else 0)):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
    for one in path.iterdir() if folder else ():
        yield from contents(one, within=(*within, real))


def digest_of(path: Path, *, copy_to: Path | None = None) -> str:
    """Return the digest of a file or a whole folder: names, modes and contents.

    What is read for it is put into the folder ``copy_to``, under its own name. Raises OSError as ``contents`` does.
    """
    running = hashlib.sha256()
    folders: list[tuple[Path, int]] = []
    for one in sorted(contents(path)):
        name, mode = one.relative_to(path.parent), one.stat().st_mode
        copy = copy_to / name if copy_to else None
        running.update(os.fsencode(f"{name} {mode:o}\n"))
        if not stat.S_ISDIR(mode):
            running.update(_read(one, copy))
        elif copy:
            copy.mkdir(mode=0o700)
            folders.append((copy, mode))
        if copy and not stat.S_ISDIR(mode):
            copy.chmod(stat.S_IMODE(mode))
    for copy, mode in reversed(folders):  # now nothing more has to be written there
        copy.chmod(stat.S_IMODE(mode))
    return running.hexdigest()


def unreadable(error: OSError, path: Path, *, at: Mark | None) -> RecipeError:
    """Return the error to show where ``contents`` of a path that a recipe names cannot be read."""
    return RecipeError(
        f"{error.filename or path} cannot be read: {error.strerror}",
        at=at,
        fix="see to its permissions; a folder to upload holds files, folders, and links that lead to some",
    )


def _read(path: Path, copy: Path | None) -> bytes:
    running = hashlib.sha256()
    with path.open("rb") as source, (copy or Path(os.devnull)).open("wb") as target:
        while block := source.read(_BLOCK):
            running.update(block)
            target.write(block)
    return running.digest()
