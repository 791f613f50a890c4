"""The files that the stages of a build left: evidence that came from the store as well as its own."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from goldsmith.plan.store import Store


def left_by(stage: str, name: str, folder: Path, document: Mapping[str, Any]) -> Path:
    """Return where the file of a stage lies: in the record where the build ran it, else with its result in the store.

    ``folder`` is that of the record, and ``document`` its build.json. The file need not be there.
    """
    known = document.get("stages") or ()
    key = next((one.get("key") for one in known if one.get("name") == stage), "")
    mine = folder / name
    return mine if mine.exists() or not key else Store(folder.parents[1]).layers / str(key) / name
