"""Find what of a build's record is no longer as the build left it."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from goldsmith.host.files import identity
from goldsmith.host.locks import is_locked
from goldsmith.plan import damage
from goldsmith.plan.damage import Damage
from goldsmith.plan.kept import NOTE
from goldsmith.record.document import BUILD, LOCK, read_document

_WRITTEN_LATER = (LOCK, NOTE)  # the note of a kept guest tells in the end what became of it


def note(folder: Path) -> Mapping[str, Any]:
    """Return what the files of a record are when its build ends."""
    noted = damage.note(folder, seal=BUILD)
    for name in _WRITTEN_LATER:
        noted.pop(name, None)
    return noted


def damage_of(folder: Path, *, thorough: bool) -> list[Damage]:
    """Return what differs; nothing while the build runs, and nothing for one that died, which noted nothing.

    A log may have grown: the machine of a build that failed may have been kept. ``thorough`` as for ``plan.damage``.
    """
    if is_locked(folder / LOCK):
        return []
    try:
        noted = read_document(folder).get("files") or {}
    except FileNotFoundError:
        return []  # it died before its first word
    except (OSError, ValueError) as error:
        return [Damage(BUILD, str(error))]
    told = (
        (name, _problem(folder / name, facts, thorough=thorough))
        for name, facts in noted.items()
        if name not in _WRITTEN_LATER
    )
    found = [Damage(name, problem) for name, problem in told if problem]
    return found if folder.is_dir() else []  # it was removed meanwhile


def _problem(path: Path, facts: Mapping[str, Any], *, thorough: bool) -> str:
    try:
        size = path.stat().st_size if path.is_file() else None
        if size is None:
            return "is missing"
        if size < facts["size"]:
            return f"has {size} bytes instead of {facts['size']}"
        if not thorough and identity(path) == facts["identity"]:
            return ""
        same = _sha256_of_start(path, facts["size"]) == facts["sha256"]
        return "" if same else "has other content than when the build ended"
    except FileNotFoundError as error:
        return damage.gone_while_read(path, error)


def _sha256_of_start(path: Path, size: int) -> str:
    running, left = hashlib.sha256(), size
    with path.open("rb") as file:
        while left > 0 and (block := file.read(min(left, 1 << 20))):
            running.update(block)
            left -= len(block)
    return running.hexdigest()
