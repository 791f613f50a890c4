"""What was found at files while builds go on beside it: it counts only if they are still the same ones."""

from collections.abc import Callable, Sequence
from pathlib import Path

from goldsmith.errors import HostError
from goldsmith.host.files import identity


def stable(look: Callable[[], str], *paths: Path) -> str:
    """Return what ``look`` finds wrong; "" where any of ``paths`` was removed or made anew meanwhile."""
    before = [seen(one) for one in paths]
    try:
        problem = look()
    except (HostError, FileNotFoundError):
        if [seen(one) for one in paths] == before:
            raise
        return ""
    return problem if None not in before and [seen(one) for one in paths] == before else ""


def seen(path: Path) -> Sequence[int] | None:
    """Return what tells this file or folder from another one in its place; None where there is none."""
    try:
        return identity(path)
    except FileNotFoundError:
        return None
