"""``build.json``: written whole, sealed, and read only as it was written."""

import json
from pathlib import Path
from typing import Any

from goldsmith.host.sealed import DIGEST, unsealed

BUILD = "build.json"
LOCK = "lock"
UNSEALED = 1  # the version that had no seal


def read_document(folder: Path) -> dict[str, Any]:
    """Return what a build has written of itself. Raises ValueError for what it did not write so."""
    text = (folder / BUILD).read_bytes()
    if (document := unsealed(text)) is not None:
        return document
    try:
        document = json.loads(text)
    except ValueError:
        raise ValueError(f"{folder / BUILD} cannot be read") from None
    if not isinstance(document, dict):
        raise ValueError(f"{folder / BUILD} cannot be read")  # noqa: TRY004  as for text that is no JSON
    if DIGEST in document or document.get("version", UNSEALED) != UNSEALED:
        raise ValueError(f"{folder / BUILD} has other content than what the build wrote")
    return document
