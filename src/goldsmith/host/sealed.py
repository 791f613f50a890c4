"""Small JSON files that tell when they are no longer what was written: a digest of all the rest stands in them."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

DIGEST = "sha256"  # the key with the digest of all the others, unless a file has another one


def sealed_text(facts: Mapping[str, Any], *, key: str = DIGEST) -> str:
    """Return the facts with their digest, as JSON."""
    others = _others(facts, key)
    return json.dumps({**others, key: _digest(others)}, indent=1, ensure_ascii=False, default=str) + "\n"


def is_whole(facts: Mapping[str, Any], *, key: str = DIGEST) -> bool:
    """Say whether the facts are as they were when they were sealed."""
    try:
        return bool(facts.get(key) == _digest(_others(facts, key)))
    except RecursionError:  # nested too deeply, as nothing is that was sealed
        return False


def unsealed(text: str | bytes, *, key: str = DIGEST) -> dict[str, Any] | None:
    """Return the facts of a sealed text without their digest; None for one that is damaged or was never sealed."""
    try:
        facts = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return _others(facts, key) if isinstance(facts, dict) and is_whole(facts, key=key) else None


def _others(facts: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in facts.items() if name != key}


def _digest(facts: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()
