"""What was noted of a result as JSON; where that was damaged since, it may say anything."""

import json
from collections.abc import Mapping
from pathlib import Path

from goldsmith.plan.stage import Json

_BEYOND = 2**63  # no time, and no size of a file


def read(path: Path) -> Mapping[str, Json]:
    """Return the facts in a file; empty where it cannot be read."""
    try:
        noted = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return noted if isinstance(noted, dict) else {}


def number(facts: Mapping[str, Json], name: str) -> float:
    """Return a size or a time of the facts; 0 where that is none."""
    value = facts.get(name)
    return value if isinstance(value, int | float) and 0 <= value < _BEYOND else 0
