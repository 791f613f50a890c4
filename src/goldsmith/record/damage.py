"""Find what of a build's record is no longer as the build left it."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from goldsmith.host.files import identity
from goldsmith.host.locks import is_locked
from goldsmith.plan import damage
from goldsmith.plan.damage import Damage
from goldsmith.record.document import BUILD, LOCK, read_document


def note(folder: Path) -> Mapping[str, Any]:
    """Return what the files of a record are when its build ends."""
    noted = damage.note(folder, seal=BUILD)
    noted.pop(LOCK, None)
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
    found = []
    for name, facts in noted.items():
        path = folder / name
        if not path.is_file():
            found.append(Damage(name, "is missing"))
        elif path.stat().st_size < facts["size"]:
            found.append(Damage(name, f"has {path.stat().st_size} bytes instead of {facts['size']}"))
        elif not thorough and identity(path) == facts["identity"]:
            continue
        elif _sha256_of_start(path, facts["size"]) != facts["sha256"]:
            found.append(Damage(name, "has other content than when the build ended"))
    return found


def _sha256_of_start(path: Path, size: int) -> str:
    running, left = hashlib.sha256(), size
    with path.open("rb") as file:
        while left > 0 and (block := file.read(min(left, 1 << 20))):
            running.update(block)
            left -= len(block)
    return running.hexdigest()
