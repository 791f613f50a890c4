"""Where the images of a build went: builds/<id>/pushed.json, written by the build and by later pushes."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from goldsmith.host.files import write_atomically
from goldsmith.host.locks import locked

FILE = "pushed.json"
_SAID = ("id", "name", "status", "disk_format", "size", "visibility", "goldsmith_sha256")


def note_push(folder: Path, catalog: str, image: Mapping[str, Any], *, at: str) -> None:
    """Note an image in the record of its build; one that is noted already is not noted twice."""
    if not folder.is_dir():
        return
    entry = {"catalog": catalog, "at": at, **{name: image[name] for name in _SAID if name in image}}
    with locked(folder / f".{FILE}.lock"):
        known = [
            one
            for one in pushes_of(folder)
            if (one.get("catalog"), one.get("id")) != (catalog, entry.get("id"))
        ]
        text = json.dumps({"pushed": [*known, entry]}, indent=1, ensure_ascii=False)
        write_atomically(folder / FILE, text, mode=0o600)


def pushes_of(folder: Path) -> Sequence[Mapping[str, Any]]:
    """Return what is noted, the oldest first."""
    with suppress(OSError, ValueError, LookupError, TypeError):
        found: list[Mapping[str, Any]] = json.loads((folder / FILE).read_text(encoding="utf-8"))["pushed"]
        return found
    return ()
