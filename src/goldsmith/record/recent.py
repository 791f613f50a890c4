"""The newest builds of one recipe: the records of others are not read, for there may be hundreds of them."""

import json
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from goldsmith.record.document import BUILD, read_document
from goldsmith.record.writing import STAMP, may_be_of

LOOKED_AT = 5000  # records at most, of those that may be of the recipe


def newest_of(builds: Path, recipe: str, *, words: Collection[str] = ()) -> Iterator[dict[str, Any]]:
    """Yield what the builds of a recipe have written of themselves, the newest first.

    Where ``words`` are given, only of those in which one of them is a value: most builds find all stages cached, and
    are passed over at little cost.
    """
    for folder in _candidates(builds, recipe)[:LOOKED_AT]:
        try:
            text = (folder / BUILD).read_bytes()
            if _has(text, recipe) and (not words or any(_has(text, one) for one in words)):
                document = read_document(folder)
                if document.get("recipe") == recipe:
                    yield document
        except (OSError, ValueError):
            continue  # removed meanwhile, or damaged


def _candidates(builds: Path, recipe: str) -> list[Path]:
    """Return the folders of the builds that may be of the recipe by their ids, the newest first."""
    found: list[tuple[str, int, Path]] = []
    try:
        folders = list(builds.iterdir())
    except OSError:  # there are none, or they are another user's
        return []
    for folder in folders:
        begun = may_be_of(folder.name, recipe)
        if begun is None:
            continue
        try:
            changed = (folder / BUILD).stat().st_mtime_ns
        except OSError:
            continue  # not begun yet, or removed meanwhile
        found.append((begun or time.strftime(STAMP, time.gmtime(changed / 1e9)), changed, folder))
    return [folder for _, _, folder in sorted(found, reverse=True)]


def _has(text: bytes, value: str) -> bool:
    return json.dumps(value, ensure_ascii=False).encode() in text or json.dumps(value).encode() in text
