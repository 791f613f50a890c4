"""Find results that changed after they were sealed: a disk that rots, a hand in the store, a half copy of it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from goldsmith.errors import HostError
from goldsmith.host import files
from goldsmith.plan.stage import Json

FILES = "files"  # the key of the seal under which the files are noted


@dataclass(frozen=True)
class Damage:
    """One thing wrong with a sealed result; ``file`` is relative to its folder."""

    file: str
    problem: str

    def __str__(self) -> str:
        return f"{self.file} {self.problem}"


def note(folder: Path, *, seal: str) -> dict[str, Json]:
    """Return what the files of a finished result are: sha256, bytes, and how to see cheaply that none changed."""
    noted: dict[str, Json] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink() and path.name != seal:
            noted[str(path.relative_to(folder))] = {
                "sha256": files.sha256_of(path),
                "size": path.stat().st_size,
                "identity": files.identity(path),
            }
    return noted


def find(folder: Path, noted: Mapping[str, Json], *, thorough: bool) -> list[Damage]:
    """Return what differs from the note.

    Without ``thorough`` a file with the inode, size and time of the note is not read again, so that only a change by
    a program is seen; with it every byte is read, which also finds a disk that returns other bytes than were written.
    """
    told = ((name, _problem(folder / name, facts, thorough=thorough)) for name, facts in noted.items())
    return [Damage(name, problem) for name, problem in told if problem]


def gone_while_read(path: Path, error: Exception) -> str:
    """Return the problem of a file that was removed while it was looked at; raises ``error`` for one that is there."""
    if path.is_file():
        raise error
    return "is missing"


def _problem(path: Path, facts: Json, *, thorough: bool) -> str:
    if not isinstance(facts, Mapping):
        return "has a note that cannot be read"
    try:
        size = path.stat().st_size if path.is_file() else None
        if size is None:
            return "is missing"
        if size != facts.get("size"):
            return f"has {size} bytes instead of {facts.get('size')}"
        if not thorough and files.identity(path) == facts.get("identity"):
            return ""
        return (
            "" if files.sha256_of(path) == facts.get("sha256") else "has other content than when it was made"
        )
    except (FileNotFoundError, HostError) as error:
        return gone_while_read(path, error)


def noted_in(folder: Path, name: str) -> dict[str, Any]:
    """Return what a stage has noted as JSON in a file of its finished result; raises HostError where it is damaged."""
    try:
        found = json.loads((folder / name).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _damaged(folder / name, str(error)) from None
    if not isinstance(found, dict):
        raise _damaged(folder / name, "it holds something else")
    return found


def _damaged(path: Path, why: str) -> HostError:
    return HostError(
        f"a stored result is damaged: {path}: {why}",
        fix="goldsmith store verify --apply removes what is damaged, and the next build makes it again",
    )
