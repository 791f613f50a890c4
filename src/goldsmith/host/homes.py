"""Paths as people write them, with ``~`` for a home folder."""

from contextlib import suppress
from pathlib import Path


def expanded(path: str | Path) -> Path:
    """Return a path with the home folder in it; as it is where there is no such user, so that it is told as missing."""
    with suppress(RuntimeError):
        return Path(path).expanduser()
    return Path(path)
