"""Folders with what comes from packages: made once, and kept in the cache with the digests of their files."""

import shutil
from pathlib import Path

from goldsmith.host.files import put_in_place, sha256_of, write_atomically
from goldsmith.host.sealed import sealed_text, unsealed

NOTE = "digests.json"
_FILES = "files"


def is_whole(folder: Path) -> bool:
    """Say whether a folder is there as it was made; reads all its files."""
    try:
        noted = unsealed((folder / NOTE).read_bytes()) or {}
        return noted.get(_FILES) == _digests(folder)
    except FileNotFoundError:
        return False


def keep(ready: Path, folder: Path) -> None:
    """Give a finished folder its name, in place of one that is not whole: its files are on the disk before that."""
    write_atomically(ready / NOTE, sealed_text({_FILES: _digests(ready)}))
    if folder.exists():
        shutil.rmtree(folder)
    put_in_place(ready, folder)


def _digests(folder: Path) -> dict[str, str]:
    found = (one for one in sorted(folder.rglob("*")) if one.is_file() and one.name != NOTE)
    return {one.relative_to(folder).as_posix(): sha256_of(one) for one in found}
