"""What is made aside: a file before it takes its place, a folder for the time of a task.

Each is locked while its maker lives, so that what a killed process left is known for that and can go.
"""

import atexit
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path

from goldsmith.errors import HostError
from goldsmith.host.locks import hold, is_locked, locked, try_lock

_FILE = re.compile(r"\..+\.[a-z0-9_]{8}")  # as ``new_file`` names them
_PREFIX = "goldsmith-"
_MARK = "lock"
_HIDDEN = ".goldsmith-"
_NEW = f"{_HIDDEN}new-"
_LONGEST = 80  # bytes of a name; more might not fit


def new_file(path: Path) -> tuple[int, Path]:
    """Make a file beside ``path`` and return it, open for writing and locked until it is closed."""
    while True:
        number, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        hold(number)
        if os.fstat(number).st_nlink:
            return number, Path(name)
        os.close(number)  # it was swept in the moment before it was locked


def remove_files(folders: Iterable[Path]) -> list[Path]:
    """Remove what killed processes have left in these folders of what ``new_file`` makes; return what it was."""
    removed = []
    for path in (one for folder in folders for one in _listed(folder) if _FILE.fullmatch(one.name)):
        with suppress(OSError, HostError):  # of another user
            if path.is_file() and not path.is_symlink() and not is_locked(path):
                path.unlink()
                removed.append(path)
    return removed


@contextmanager
def scratch(what: str, *, within: Path | None = None) -> Iterator[Path]:
    """Give an empty folder for the time of a task, in ``within`` or among the system's temporary ones."""
    with (
        tempfile.TemporaryDirectory(prefix=f"{_PREFIX}{what}-", dir=within) as name,
        locked(Path(name, _MARK)),
    ):
        folder = Path(name, "in")
        folder.mkdir(mode=0o700)
        yield folder


@cache
def lasting(what: str, *, within: Path | None = None) -> Path:
    """Give a folder of this process for what its programs leave when they are killed; it goes when this one ends."""
    stack = ExitStack()
    folder = stack.enter_context(scratch(what, within=within))
    atexit.register(stack.close)
    return folder


def remove_scratch() -> list[Path]:
    """Remove the user's own folders that killed processes left among the system's temporary ones."""
    return _remove_dead(_named(Path(tempfile.gettempdir()), _PREFIX), own=True)


@contextmanager
def aside(folder: Path, name: str) -> Iterator[Path]:
    """Give a new folder in ``folder`` for the making of ``name``; it is gone after the block.

    It gets its name only when it is locked, so whoever sweeps never meets one that lives without a lock.
    """
    prefix = f"{_HIDDEN}{name.encode()[:_LONGEST].decode(errors='ignore')}."
    _remove_dead(_named(folder, prefix))
    try:
        made = Path(tempfile.mkdtemp(prefix=_NEW, dir=folder))
    except OSError as error:
        fix = "see to its permissions, or name another folder"
        raise HostError(f"cannot write to {folder}: {error.strerror}", fix=fix) from None
    try:
        with locked(made / _MARK):
            made = made.rename(made.with_name(prefix + made.name.removeprefix(_NEW)))
            yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def remove_folders(folders: Iterable[Path]) -> list[Path]:
    """Remove what killed processes have left in these folders of what ``aside`` makes; return what it was."""
    made = (one for folder in folders for one in _named(folder, _HIDDEN))
    return _remove_dead(one for one in made if not one.name.startswith(_NEW))


def holds_hidden(folder: str) -> bool:
    """Say whether anything hidden lies in a folder, as all does that is made aside."""
    with suppress(OSError), os.scandir(folder) as found:
        return any(one.name.startswith(".") for one in found)
    return False


def _remove_dead(folders: Iterable[Path], *, own: bool = False) -> list[Path]:
    """Remove those of these folders whose makers do not live any more, with ``own`` only the user's; return which."""
    removed = []
    for folder in folders:
        with suppress(OSError, HostError):
            if folder.is_symlink() or not (folder / _MARK).is_file():
                continue
            if own and folder.lstat().st_uid != os.getuid():
                continue
            with try_lock(folder / _MARK, sign=False) as free:
                if free:
                    shutil.rmtree(folder, ignore_errors=True)
                    removed.append(folder)
    return removed


def _named(place: Path, prefix: str) -> list[Path]:
    return [one for one in _listed(place) if one.name.startswith(prefix)]


def _listed(folder: Path) -> list[Path]:
    with suppress(OSError):
        return sorted(folder.iterdir())
    return []
